//! Workers, vectors and testnets.

use crate::fault::code::{Area, Code, area};

area! { WORKERS "Workers and tasks"
    WORKER_UNNAMED "worker-unnamed" "No worker is named."
        "See the built-in ones with `ganglion worker list`.";
    WORKER_UNKNOWN "worker-unknown" "There is no built-in worker of that name."
        "See with `ganglion worker list` what each of them does.";
    WORKER_TASK "worker-task" "The worker answers tasks of another type than the subnet's."
        "See those that come with the node with `ganglion worker list`; worker_command takes any program.";
    WORKER_MISSING "worker-missing" "The program of the worker is not there."
        "Give worker_command the whole path of the program, or install it.";
    WORKER_NOT_EXECUTABLE "worker-not-executable" "The program of the worker cannot be run."
        "Run: chmod +x PROGRAM";
    WORKER_SILENT "worker-silent" "The worker does not come up."
        "Answer the first line of standard input, `hello`, with one line of JSON on standard output, and print \
         everything else to standard error; see docs/spec/worker.md.";
    WORKER_SEED "worker-seed" "The worker draws other tasks from the same seed."
        "Draw everything from the seed: other validators audit the tasks by drawing again.";
    WORKER_SCORE "worker-score" "The worker scores the right answer no better than silence."
        "Score the right answer above 0 and above no answer.";
    WORKER_FAILED "worker-failed" "The worker does not do what it is asked."
        "See what it prints to standard error; docs/spec/worker.md has what each method takes and gives.";
    WORKER_PIPE "worker-pipe" "The connection between a built-in worker and its node broke."
        "Look at the node's log: it starts the worker again, unless it was stopped.";
    COMMAND_FORM "command-form" "A text is no command that can be run."
        "Give it as --command 'python3 miner.py'.";
    TASK_TIMEOUT "task-timeout" "The time for a task is out of range."
        "Give it like 5s, between 100ms and 1m.";
    TASK_MISSING "task-missing" "No task was given."
        "Give one with --input JSON or --file FILE, or take --sample.";
    TASK_FORM "task-form" "A task is not JSON."
        "Correct it.";
    TASK_OTHER "task-other" "There are no samples of the subnet's task."
        "Give a task of that type with --input or --file.";
    SAMPLE_UNKNOWN "sample-unknown" "There is no sample of that number."
        "Give a number in the range that the help names, or leave it out.";
    NOBODY_ANSWERED "nobody-answered" "No miner answered the task."
        "Ask more miners with --miners, or wait longer with --timeout.";
}

area! { VECTORS "Vectors"
    VECTORS_OPEN "vectors-open" "A file of vectors cannot be opened."
        "Check the path; `-` reads standard input.";
    VECTORS_CUT "vectors-cut" "A file of vectors breaks off or is damaged."
        "Fetch or write it again: it is cut short or damaged.";
    VECTORS_LINE "vectors-line" "A line of a file of vectors is too long."
        "Put each case on a line of its own.";
    VECTORS_FORM "vectors-form" "A line of a file of vectors is no case."
        "Write each line as one JSON object with `id`, `input` and `steps`, all numbers integers in range; \
         docs/spec/yuma.md, \"Vectors\", has every key.";
    VECTORS_STEP "vectors-step" "A step of a vector breaks a rule of the format."
        "Mend the step; docs/spec/yuma.md, \"Vectors\", has every key.";
    VECTORS_STATE "vectors-state" "The epoch function refuses the state of a vector's step."
        "Lower the value: the specification defines no result beyond this bound.";
    VECTORS_EMPTY "vectors-empty" "A file of vectors holds no case."
        "Give a file with one case on each line.";
    VECTORS_DIFFER "vectors-differ" "The epoch function gives something else than a vector expects."
        "Compare the two values; if the vector is one of this project, report it with the version.";
}

area! { TESTNETS "Testnets"
    TESTNET_RUNNING "testnet-running" "A testnet runs in that directory."
        "Look at it with `ganglion testnet status`, stop it with Ctrl-C where it runs or with `ganglion testnet \
         down`, or start another with --dir.";
    TESTNET_FOREIGN "testnet-foreign" "The directory has files in it and no testnet."
        "Choose an empty or new directory with --dir.";
    TESTNET_MODEL "testnet-model" "A model of a testnet cannot mine."
        "Try it alone: `ganglion worker check`.";
    TESTNET_NODE_ENDED "testnet-node-ended" "A node ended while the testnet was starting."
        "Read its whole log: `ganglion testnet logs NAME --lines 1000`.";
    TESTNET_NODE_SILENT "testnet-node-silent" "A node of the testnet does not answer."
        "Read its whole log: `ganglion testnet logs NAME --lines 1000`.";
    TESTNET_SYSTEM "testnet-system" "The system did not let the testnet do something."
        "Free what the sentence names: ports, processes, space or the rights to the directory.";
    TESTNET_FLAGS "testnet-flags" "A flag says how many nodes, and the file says which."
        "Leave the flag out, or every node of that role in the file.";
    TESTNET_SHORT "testnet-short" "An assertion is about an epoch that the run will not have."
        "Give more --epochs, or change the assertion's epochs.";
    TESTNET_NOT_RUNNING "testnet-not-running" "No testnet runs there."
        "Start one with `ganglion testnet up` in another terminal, or name its directory with --dir.";
    TESTNET_REFUSED "testnet-refused" "The running testnet did not carry out an order."
        "See with `ganglion testnet status` how it is, and give the order again.";
    TESTNET_BROKEN "testnet-broken" "The running testnet gave no answer."
        "Look at the terminal in which it runs.";
    TESTNET_STATE "testnet-state" "The state file of a testnet was edited, or is of another version."
        "Remove the directory, or choose another with --dir.";
    TESTNET_PORTS "testnet-ports" "The machine gives no free port."
        "End processes that hold many ports, and try again.";
    TESTNET_MISSING "testnet-missing" "There is no testnet in that directory."
        "Name its directory with --dir.";
    TESTNET_LINGERS "testnet-lingers" "The testnet was told to end and still runs."
        "Look at the terminal in which it was started.";
    TESTNET_NODE "testnet-node" "There is no node of that name in the testnet."
        "See the names with `ganglion testnet status`.";
    TESTNET_FAILED "testnet-failed" "An assertion about the testnet does not hold."
        "Compare the figures with `assert` in the file, and read the logs of the nodes named: `ganglion testnet \
         logs`.";
    TESTNET_JSON "testnet-json" "The run has no end at which one JSON object could be printed."
        "Add --epochs N; `ganglion testnet status --json` shows a running testnet.";
    HANDOUT_NOT_EMPTY "handout-not-empty" "The directory for what is handed out is not empty."
        "Name a new directory with --out; keys are never replaced.";
    HANDOUT_DISHONEST "handout-dishonest" "A node that breaks rules is to be handed out."
        "Run this file with `ganglion testnet up`, or leave `behaviour` out of it.";
    HANDOUT_OWNER "handout-owner" "A file cannot be given to another user."
        "Run it as root, or leave --uid out and run the nodes as yourself.";
}
