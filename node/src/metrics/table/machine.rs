//! The node itself: its standing, its disk, its worker, its interface, its process.

use super::{Label, Section, Since, Unit, at_most, counter, gauge, histogram, words};

const METHOD: Label =
    words("method", &["hello", "forward", "make_task", "score", "feedback", "health"]);
const ROUTE: Label =
    at_most("route", 64, "the paths of [API.md](API.md), and `none` for unknown ones");
/// Where the kernel shows it.
const LINUX: Since = Since::Where("Linux");

pub(super) const NODE: Section = Section {
    title: "Node",
    text: "",
    metrics: &[
        gauge("ganglion_build_info", Unit::Flag, "Always 1; the labels say what runs").by(&[
            at_most("version", 1, "the program's version"),
            at_most("commit", 1, "the commit of a release build, else `unknown`"),
        ]),
        gauge("ganglion_ready", Unit::Flag, "1 while the node does its part; /readyz says why not"),
        gauge("ganglion_role", Unit::Flag, "1 for the role of this node, 0 for the others")
            .by(&[words("role", &["validator", "miner", "observer"])]),
        counter(
            "ganglion_driver_mail_lost_total",
            Unit::Of("events"),
            "Events lost because the driver's mailbox was full: above 0 the machine is overloaded",
        ),
        counter(
            "ganglion_log_lines_withheld_total",
            Unit::Of("lines"),
            "Lines that were not logged, as there were too many of one kind",
        ),
    ],
};

pub(super) const STORE: Section = Section {
    title: "Disk",
    text: "",
    metrics: &[
        gauge(
            "ganglion_store_suspended",
            Unit::Flag,
            "1 while the disk takes no writes (full, over quota, read-only) and so nothing is signed; /readyz says why",
        ),
        counter(
            "ganglion_store_suspensions_total",
            Unit::Of("times"),
            "Times since the start that the disk began to take no writes",
        ),
        gauge("ganglion_store_bytes", Unit::Bytes, "Room that a part of the data directory takes")
            .by(&[words(
                "part",
                &[
                    "certificate_log",
                    "tables",
                    "snapshots",
                    "agreement_log",
                    "watermark",
                    "anchors",
                    "worker",
                    "log",
                    "forks",
                    "settings",
                    "lock",
                    "ballast",
                    "set_aside",
                    "unfinished",
                    "strays",
                ],
            )])
            .note("Looked at every 15 s, as the two that follow. [spec/storage.md](spec/storage.md) says what each part is."),
        gauge(
            "ganglion_store_free_bytes",
            Unit::Bytes,
            "Room left for this node on the file system of the data directory",
        ),
        gauge(
            "ganglion_store_set_aside",
            Unit::Of("parts"),
            "Damaged parts that were put aside and still lie in the data directory",
        ),
        histogram(
            "ganglion_store_commit_seconds",
            Unit::Seconds,
            "Time to store a decided epoch durably",
        ),
        histogram(
            "ganglion_store_sync_seconds",
            Unit::Seconds,
            "Time to make signed statements durable before they are sent",
        ),
    ],
};

pub(super) const WORKER: Section = Section {
    title: "Worker",
    text: "",
    metrics: &[
        histogram(
            "ganglion_worker_call_seconds",
            Unit::Seconds,
            "Time from asking the worker to its reply or the call's failure, queue included",
        )
        .by(&[METHOD]),
        counter(
            "ganglion_worker_calls_total",
            Unit::Of("calls"),
            "Calls to the worker; late are replies nobody waited for any more",
        )
        .by(&[
            METHOD,
            words(
                "result",
                &[
                    "ok",
                    "busy",
                    "timeout",
                    "not_ready",
                    "went_down",
                    "refused",
                    "malformed",
                    "too_large",
                    "not_json",
                    "stopped",
                    "late",
                ],
            ),
        ]),
        counter(
            "ganglion_worker_restarts_total",
            Unit::Of("times"),
            "Times the worker went down and was scheduled to start again",
        ),
    ],
};

pub(super) const HTTP: Section = Section {
    title: "HTTP",
    text: "",
    metrics: &[counter(
        "ganglion_http_requests_total",
        Unit::Of("requests"),
        "HTTP requests answered",
    )
    .by(&[ROUTE, at_most("status", 32, "the status code of the answer")])],
};

pub(super) const PROCESS: Section = Section {
    title: "Process",
    text: "",
    metrics: &[
        histogram("ganglion_http_request_seconds", Unit::Seconds, "Time to answer a request")
            .by(&[ROUTE]),
        counter(
            "ganglion_http_rejected_total",
            Unit::Of("requests"),
            "Requests answered with an error, by its code; a node that is not ready is no error",
        )
        .by(&[words(
            "reason",
            &[
                "bad_request",
                "not_found",
                "gone",
                "method_not_allowed",
                "too_large",
                "unsupported_media_type",
                "wrong_host",
                "refused",
                "unavailable",
                "timeout",
                "internal",
            ],
        )]),
        gauge(
            "ganglion_http_answering",
            Unit::Of("requests"),
            "Requests being answered, the one for metrics included",
        ),
        counter("ganglion_tasks_total", Unit::Of("tasks"), "Tasks from outside, by their end")
            .by(&[words("result", &["answered", "unanswered", "no_miners"])]),
        histogram(
            "ganglion_task_seconds",
            Unit::Seconds,
            "Time from a task from outside to its answers, or to the end of waiting",
        ),
        gauge("ganglion_process_resident_memory_bytes", Unit::Bytes, "Resident memory")
            .since(LINUX),
        gauge(
            "ganglion_process_memory_limit_bytes",
            Unit::Bytes,
            "The least of what the control groups of the process may hold and what the machine has",
        )
        .since(LINUX),
        counter(
            "ganglion_process_cpu_seconds_total",
            Unit::Seconds,
            "Processor time used, user and system",
        )
        .since(LINUX),
        gauge("ganglion_process_open_fds", Unit::Of("files"), "Open file descriptors").since(LINUX),
        gauge("ganglion_process_uptime_seconds", Unit::Seconds, "Time since the process started"),
        gauge(
            "ganglion_runtime_workers",
            Unit::Of("threads"),
            "Threads that run the tasks of network and HTTP",
        ),
        gauge("ganglion_runtime_tasks", Unit::Of("tasks"), "Tasks of the runtime that live"),
        counter(
            "ganglion_runtime_busy_seconds_total",
            Unit::Seconds,
            "Time that these threads were busy, all together",
        )
        .note("Its rate through the number of threads is how busy they are."),
    ],
};
