//! A node that does not start or stops, and what the doctor finds.

use crate::fault::code::{Area, Code, area};

area! { NODE "A node that does not start, or stops"
    NOT_INITIALISED "not-initialised" "There is no data directory of a node."
        "Create it with `ganglion init --manifest FILE --hotkey NAME --data-dir DIR`.";
    ALREADY_INITIALISED "already-initialised"
        "There is a data directory already, and a new one would destroy it."
        "Choose another directory with --data-dir.";
    DATA_LOCKED "data-locked" "Another process has the data directory."
        "Stop the process that holds it, or give this node a data directory of its own.";
    OTHER_SUBNET "other-subnet" "The data directory is of another subnet than the manifest."
        "Give the node the manifest that its data directory was made with, or a data directory of its own.";
    NEWER_FORMAT "newer-format" "The data directory was written by a newer release."
        "Run the newer release: there is no way back to an older format.";
    DAMAGED "damaged" "What is on the disk is not what the node wrote."
        "See with `ganglion recover --dry-run` what is damaged and what it would do; without the flag it does \
         that.";
    NO_ROOM "no-room" "The disk is full or takes no writes."
        "Make room, or mount it to be written to, and start the node again.";
    DISK_FAILING "disk-failing" "The disk failed to read or write, and not for want of room."
        "See what the system's log says of the device (`dmesg`). On a disk that can be trusted again, or with a \
         copy of the whole data directory on another one (never beside this one), start the node: it checks all \
         that it reads, and signs with what its agreement log proves. `ganglion db verify` says what is damaged, \
         `ganglion recover` mends it.";
    STORE_FAILED "store-failed" "The node's store refused, for a reason that is neither damage nor the disk."
        "Start the node again; if it goes the same way, look at the log with -v, which logs everything.";
    RESTART_FAILED "restart-failed" "What the store holds is nothing that a node can go on from."
        "Run `ganglion recover --dry-run`, which says what is wrong and what it would do.";
    NO_SNAPSHOT "no-snapshot" "The database is lost, and no snapshot here can replace it."
        "Run `ganglion recover`: it puts what is left aside and begins anew from peers; --checkpoint makes that \
         short.";
    JOIN_FAILED "join-failed" "The node could not join by a snapshot of its peers."
        "Take a newer checkpoint, or leave `checkpoint` out to fetch every epoch from genesis.";
    RETIRED "retired" "The signing history of the node was exported, so its key may sign elsewhere."
        "Run the key where its history was imported. If it never was: `ganglion keys history reinstate --yes` \
         with this node's --node or --data-dir.";
    NETWORK_START "network-start" "The network of the node does not start."
        "Correct the address or number that the sentence names; docs/SETTINGS.md has its form and range.";
    API_PORT "api-port" "The address of the node's API cannot be used."
        "Stop the process that listens there, or set another address with --api.";
    TOKEN_FORM "token-form" "The file of the API's token holds no token."
        "Put another in, or remove the file: a node makes one when it starts.";
    CANNOT_REPRODUCE "cannot-reproduce" "The node computes another result than was certified."
        "Keep a copy of the data directory. `ganglion epoch replay EPOCH --dir DIR` executes all epochs again: \
         if it holds, the tables were damaged, so `ganglion recover --data-dir DIR` makes them again from the \
         certificate log; if it differs too, this program is at fault: compare with `ganglion epoch diff EPOCH \
         --dir DIR --with API`, update it, and report the row.";
    DRIVER_STOPPED "driver-stopped" "The node stopped because going on would be wrong."
        "Keep the data directory and the log, and compare this epoch with another node's.";
    TASK_ENDED "task-ended" "A part of the node ended that should not."
        "Look at the log, and start the node again; -v logs everything.";
    NODE_HAS_EPOCHS "node-has-epochs" "A snapshot is to be taken by a node that has epochs already."
        "Import into a new data directory, made by `ganglion init`.";
}

area! { DOCTOR "What the doctor finds"
    NODE_HINDERED "node-hindered" "The doctor found something that hinders the node."
        "See the help below each error, and run this again.";
    DOCTOR_WARNINGS "doctor-warnings" "The doctor found no error, but warnings, and was told to be strict."
        "See the help below each warning, and run this again.";
    KEY "key" "The node's hotkey cannot be used."
        "Put the hotkey's file there, or name another one with --hotkey. `ganglion keys list` shows those that \
         are here.";
    KEY_PASSWORD "key-password" "The hotkey is encrypted, and only a person knows the password."
        "Set password_file to a file with mode 0600 that holds it, for a node that starts by itself.";
    DATA "data" "The data directory cannot be looked at."
        "Let this user read it, and run `ganglion doctor` again; of a node that runs, ask the one that started \
         it.";
    MUTE "mute" "The node signs nothing, since what it signed before is not all there."
        "Leave it running: it ends by itself once epochs are certified without it. Never copy an older data \
         directory over this one to shorten it.";
    FORKED "forked" "An epoch has two certified cuts, and the node is frozen."
        "Keep the data directory: it holds the proof. Agree with the other operators on how to go on.";
    DISK_FULL "disk-full" "Hardly anything is free for the data directory."
        "Make room: a node that cannot write signs nothing. It goes on by itself once there is.";
    DISK_LOW "disk-low" "Little is free for the data directory."
        "Make room, or move the data directory to a larger disk while the node is stopped.";
    READ_ONLY "read-only" "The file system of the data directory is mounted read-only."
        "Mount it to be written: `mount -o remount,rw`. If the system did that by itself, its log says why \
         (`dmesg`).";
    DISK_NETWORK "disk-network" "The data directory is on a network file system."
        "Use a local disk: what a node signed must be on the medium before it is sent, and two machines must \
         never open one data directory.";
    DISK_MEMORY "disk-memory" "The data directory is in memory, and gone with the next restart of the machine."
        "Use a disk. A validator that loses what it signed stays mute until it knows that it cannot contradict \
         itself.";
    DISK_CONTAINER "disk-container" "The data directory goes with its container."
        "Mount a volume there: deploy/compose.yaml and deploy/kustomize show how.";
    NOT_WRITABLE "not-writable" "This user may not write into the data directory."
        "Let the user that runs the node own it: `chown -R USER DIR`, and run the doctor as that user.";
    DIRECTORY_OPEN "directory-open" "Other users may change the node's files."
        "Run: chmod go-w DIR";
    MEMORY "memory" "Little memory is free in the machine or the container."
        "End other processes, raise the container's limit, or take a machine with more memory.";
    OPEN_FILES "open-files" "Fewer files may be open than the node may need."
        "Raise the limit: `ulimit -n 8192`, LimitNOFILE=8192 in a systemd unit, or lower max_connections.";
    CLOCK "clock" "The machine's clock is behind what is certified."
        "Set the clock, and keep it so: `timedatectl set-ntp true`, or chrony.";
    CLOCK_FREE "clock-free" "Nothing keeps the machine's clock right."
        "Set the clock, and keep it so: `timedatectl set-ntp true`, or chrony.";
    HELD "held" "A process has the data directory and does not answer."
        "End it with SIGTERM, and with SIGKILL if it is still there after ten seconds: nothing that it signed \
         is lost. Then start the node again.";
    OTHER_NODE "other-node" "Another node answers at this one's API address."
        "Give each node of this machine an address of its own: --api 127.0.0.1:PORT.";
    VERSION "version" "The program that runs is not the one that is installed."
        "Restart the node to take up the version that is installed.";
    NOT_READY "not-ready" "The node does not do its part yet, or no more."
        "See more with `ganglion status`; the node's log says why.";
    NOT_WELL "not-well" "The node does its part, and something may keep it from it."
        "See more with `ganglion status`; the node's log says why.";
    STAKE_CONCENTRATED "stake-concentrated" "One uid has so much stake that nothing is certified without it."
        "Spread it: more stake on others by `ganglion delegate`, or another manifest before genesis.";
    API_OPEN "api-open" "The API is open to other machines."
        "Serve it on 127.0.0.1, or see to it that a firewall lets only those in that should: --api \
         127.0.0.1:7880.";
    LISTEN_LOOPBACK "listen-loopback"
        "The node listens to its own machine only, and its bootnodes are on others."
        "Listen to others: --listen /ip4/0.0.0.0/tcp/7800.";
    EXTERNAL_PRIVATE "external-private" "The address that others are told is not public."
        "Give the address under which others reach this machine.";
    NAT "nat" "The machine has an address in its own network only."
        "Forward the port in the router, and tell others the public address: --external /ip4/PUBLIC/tcp/7800. \
         Without that, public nodes of the subnet may relay: `ganglion status` then shows an address with \
         /p2p-circuit.";
    HIDDEN "hidden" "Others cannot connect to the node, and no relay takes connections for it."
        "Forward a port and set `external`, or see to it that a public node of the subnet relays.";
    PORT_TAKEN "port-taken" "Another process listens at an address of this node, or two settings name one port."
        "Stop the process that listens there, or set another address with --listen.";
    ADDRESS_FOREIGN "address-foreign" "The node should listen at an address that this machine does not have."
        "Set it to an address of this machine (`ip address`), or to 0.0.0.0; what others should be told goes \
         into --external.";
    PORT_FORBIDDEN "port-forbidden" "This user may not listen at that port."
        "Set a port from 1024 on, or allow this user the port.";
    NO_BOOTNODES "no-bootnodes" "There are no bootnodes, and the node knows nobody yet."
        "Name a node that runs: --bootnode /ip4/ADDRESS/tcp/PORT/p2p/PEER. `ganglion status` on that one shows \
         its address.";
    BOOTNODE_UNREACHABLE "bootnode-unreachable" "A bootnode does not answer."
        "Check that it runs and listens to other machines, its name and port, and firewalls on the way.";
    BOOTNODE_STRANGER "bootnode-stranger" "Somebody else answers at the address of a bootnode."
        "Ask its operator for the whole address, with /p2p/ and the peer id: another key or another subnet runs \
         there.";
}
