# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ganglion_global_optspecs
    string join \n home= json v/verbose q/quiet h/help V/version
end

function __fish_ganglion_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ganglion_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ganglion_using_subcommand
    set -l cmd (__fish_ganglion_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ganglion -n "__fish_ganglion_needs_command" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_needs_command" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_needs_command" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_needs_command" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_needs_command" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_needs_command" -s V -l version -d 'Print version'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "keys" -d 'Create, import and look at hotkeys and coldkeys'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "subnet" -d 'Manifests, and the parameters of a running subnet'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "init" -d 'Create a node\'s data directory'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "run" -d 'Run a node'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "testnet" -d 'Run a whole subnet on this machine, and look at it'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "register" -d 'Take a uid in the subnet of a running node, paid by proof of work or out of a balance'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "deregister" -d 'Give a uid back'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "serve" -d 'Change what a hotkey does, or give a validator a new task-seed chain'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "rotate" -d 'Give a uid a new hotkey'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "wallet" -d 'Show all that a coldkey owns, and what it waits for'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "stake" -d 'Move balance of a coldkey to stake on one of its validators'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "unstake" -d 'Move stake back to the balance of its coldkey'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "transfer" -d 'Move balance to another coldkey'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "delegate" -d 'Put balance at stake behind somebody else\'s validator'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "undelegate" -d 'Take delegated stake back'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "take" -d 'Set the share that a validator\'s owner keeps of what delegated stake earns'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "task" -d 'Give tasks to the subnet\'s miners'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "status" -d 'Show what a node does and how its subnet is'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "metagraph" -d 'Show all participants with what they earned in the last epoch'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "epoch" -d 'List and explain decided epochs'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "anchor" -d 'Epochs on other chains: how far, what is under way, who anchored what'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "registry" -d 'Participants that another chain lists'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "verify" -d 'Check a proof of one row, with no node and no keys'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "snapshot" -d 'List, export and import snapshots of the state'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "db" -d 'Look at a node\'s data, check it, back it up'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "recover" -d 'Find out what is wrong with a node\'s data, and mend it'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "doctor" -d 'Find what hinders a node, and how to mend it'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "explain" -d 'Say what the code of an error means, and what to do'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "peers" -d 'Show the nodes that a node knows'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "weights" -d 'Show the weights that counted in an epoch'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "config" -d 'Look at a node\'s configuration'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "yuma" -d 'Run and check vectors of the epoch function, Yuma Consensus'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "worker" -d 'Check a model before it mines, or be one of the built-in workers'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "reference" -d 'Print a page that is made from the program itself'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c ganglion -n "__fish_ganglion_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -f -a "new" -d 'Make a new key from a fresh phrase'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -f -a "import" -d 'Make a key file from a phrase, a secret seed or a development account'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -f -a "show" -d 'Show a key\'s address, public key and peer id'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -f -a "list" -d 'List all keys'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -f -a "seed-tail" -d 'Print the tail of a validator\'s task-seed chain, for the manifest or for registering'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -f -a "export" -d 'Print a key\'s secret seed, to back it up or to use it in Substrate\'s tools'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -f -a "history" -d 'How far a node\'s hotkey has signed, for moving it to another machine'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and not __fish_seen_subcommand_from new import show list seed-tail export history help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -l role -d 'What the key is for' -r -f -a "hotkey\t'Signs work, on a running node'
coldkey\t'Owns stake and balance, off the node'"
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -l name -d 'Its name: the file is HOME/keys/{hotkeys,coldkeys}/NAME.json' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -l words -d 'Words of the phrase, 12 or 24' -r -f -a "12\t''
24\t''"
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -l force -d 'Replace an existing key of that name'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -l no-password -d 'Store the key unencrypted'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l role -d 'What the key is for' -r -f -a "hotkey\t'Signs work, on a running node'
coldkey\t'Owns stake and balance, off the node'"
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l name -d 'Its name: the file is HOME/keys/{hotkeys,coldkeys}/NAME.json' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l mnemonic-file -d 'File with a phrase or a 0x seed, both with //hard//steps and ///passphrase if there are any; - for standard input' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l uri -d 'Account of the public development phrase, such as //Alice' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l force -d 'Replace an existing key of that name'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l no-password -d 'Store the key unencrypted'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l dev -d 'Allow an account that everybody can sign with'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from show" -l role -d 'Which of two keys of that name [default: all]' -r -f -a "hotkey\t'Signs work, on a running node'
coldkey\t'Owns stake and balance, off the node'"
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from show" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from show" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from list" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from list" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from seed-tail" -l index -d 'Which chain of this hotkey' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from seed-tail" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from seed-tail" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from seed-tail" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from seed-tail" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from seed-tail" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from seed-tail" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from export" -l role -d 'What the key is for' -r -f -a "hotkey\t'Signs work, on a running node'
coldkey\t'Owns stake and balance, off the node'"
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from export" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from export" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from export" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from history" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from history" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from history" -f -a "export" -d 'Write how far a stopped node has signed, and keep it from signing on'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from history" -f -a "import" -d 'Take over how far a key has signed elsewhere; the node signs nothing at or below it'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from history" -f -a "reinstate" -d 'Let a node sign again whose history was exported'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from history" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "new" -d 'Make a new key from a fresh phrase'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "import" -d 'Make a key file from a phrase, a secret seed or a development account'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a key\'s address, public key and peer id'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "list" -d 'List all keys'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "seed-tail" -d 'Print the tail of a validator\'s task-seed chain, for the manifest or for registering'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "export" -d 'Print a key\'s secret seed, to back it up or to use it in Substrate\'s tools'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "history" -d 'How far a node\'s hotkey has signed, for moving it to another machine'
complete -c ganglion -n "__fish_ganglion_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -f -a "new" -d 'Write a manifest with every setting and what it does'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -f -a "show" -d 'Check a manifest and show what it means: times, stake, rules'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -f -a "id" -d 'Print the subnet id of a manifest'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -f -a "entry" -d 'Print one participant\'s table for a manifest'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -f -a "parameters" -d 'Show a running subnet\'s parameters, each with who may change it'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -f -a "revise" -d 'Propose new parameters of a running subnet'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -f -a "revisions" -d 'Show the revisions that wait, with the stake behind them'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -f -a "approve" -d 'Approve a revision with a coldkey that owns a member of the committee'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and not __fish_seen_subcommand_from new show id entry parameters revise revisions approve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l name -d 'What people call the subnet' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l out -d 'Where to write it; - for standard output [default: NAME.toml]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l genesis-in -d 'Time from now to the first epoch' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l genesis-time -d 'When the first epoch begins, such as 2026-01-31T12:00:00Z' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l epoch-length -d 'Time from one epoch close to the next, 2s to 24h' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l participants -d 'File with [[validator]], [[miner]] and [[account]] tables, as `subnet entry` prints them; may be given more than once' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l owner -d 'Address of the coldkey that receives the owner part' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l task -d 'What miners are asked' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l scorer -d 'How answers are scored [default: TASK-scorer]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l force -d 'Replace an existing file'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from show" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from show" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from id" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from id" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from id" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from id" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from id" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -l role -d 'What it does' -r -f -a "validator\t'Sets tasks, scores, votes'
miner\t'Runs a model'"
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -l hotkey -d 'Name of its hotkey, or path of the file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -l coldkey -d 'Its coldkey: an address, or the name or path of a key file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -l stake -d 'Stake of a validator, in units' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -l index -d 'Which task-seed chain of the hotkey' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from entry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from parameters" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from parameters" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from parameters" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from parameters" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from parameters" -l changed -d 'Show those only that are no longer what the subnet began with'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from parameters" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from parameters" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from parameters" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from parameters" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l effective -d 'First epoch they hold in [default: the earliest there is]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l coldkey -d 'Coldkey that signs: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revise" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revisions" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revisions" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revisions" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revisions" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revisions" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revisions" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revisions" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from revisions" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l coldkey -d 'Coldkey that signs: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from help" -f -a "new" -d 'Write a manifest with every setting and what it does'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from help" -f -a "show" -d 'Check a manifest and show what it means: times, stake, rules'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from help" -f -a "id" -d 'Print the subnet id of a manifest'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from help" -f -a "entry" -d 'Print one participant\'s table for a manifest'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from help" -f -a "parameters" -d 'Show a running subnet\'s parameters, each with who may change it'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from help" -f -a "revise" -d 'Propose new parameters of a running subnet'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from help" -f -a "revisions" -d 'Show the revisions that wait, with the stake behind them'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from help" -f -a "approve" -d 'Approve a revision with a coldkey that owns a member of the committee'
complete -c ganglion -n "__fish_ganglion_using_subcommand subnet; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l manifest -d 'The subnet\'s manifest [default: subnet.toml in the data directory]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l hotkey -d 'Name of the hotkey, or path of its file [default: default]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l password-file -d 'File with the hotkey\'s password in its first line' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l listen -d 'Multiaddr to listen on; may be repeated [default: /ip4/127.0.0.1/tcp/7800]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l external -d 'Multiaddr to tell others; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l nat -d 'Whether others can connect here: auto, behind or none [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l relay -d 'Whether to carry connections of peers behind NAT: auto, on or off [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l bootnode -d 'Multiaddr with /p2p/PEER of a node to begin with; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l api -d 'Where to serve the HTTP API and /metrics [default: 127.0.0.1:7880]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l log-level -d 'What to log, such as `debug` or `ganglion_p2p=trace` [default: info]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l log-format -d 'How to log: pretty or json [default: pretty]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l worker -d 'Built-in worker [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l worker-command -d 'Program to run as worker, such as \'python3 miner.py\'' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l max-connections -d 'Connections to other nodes at most [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l metrics-uids -d 'How many uids have metrics of their own [default: 256]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l checkpoint -d 'Cut to trust: join by a snapshot of the peers' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l archive -d 'Whether to keep the items of every epoch: true or false [default: false]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l snapshot-every -d 'How often to keep a snapshot, in epochs; 0 keeps none [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l force -d 'Replace node.toml and the manifest of an existing directory; its store stays'
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand init" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l behaviour -d 'Misbehave, as a node of a testnet can be told to' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l manifest -d 'The subnet\'s manifest [default: subnet.toml in the data directory]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l hotkey -d 'Name of the hotkey, or path of its file [default: default]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l password-file -d 'File with the hotkey\'s password in its first line' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l listen -d 'Multiaddr to listen on; may be repeated [default: /ip4/127.0.0.1/tcp/7800]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l external -d 'Multiaddr to tell others; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l nat -d 'Whether others can connect here: auto, behind or none [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l relay -d 'Whether to carry connections of peers behind NAT: auto, on or off [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l bootnode -d 'Multiaddr with /p2p/PEER of a node to begin with; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l api -d 'Where to serve the HTTP API and /metrics [default: 127.0.0.1:7880]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l log-level -d 'What to log, such as `debug` or `ganglion_p2p=trace` [default: info]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l log-format -d 'How to log: pretty or json [default: pretty]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l worker -d 'Built-in worker [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l worker-command -d 'Program to run as worker, such as \'python3 miner.py\'' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l max-connections -d 'Connections to other nodes at most [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l metrics-uids -d 'How many uids have metrics of their own [default: 256]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l checkpoint -d 'Cut to trust: join by a snapshot of the peers' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l archive -d 'Whether to keep the items of every epoch: true or false [default: false]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l snapshot-every -d 'How often to keep a snapshot, in epochs; 0 keeps none [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l init -d 'Create the data directory first if there is none, as a container with a new volume needs it'
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l exit-with-stdin -d 'Stop when standard input ends, as a child process of a test network does'
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand run" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "up" -d 'Start a subnet of real nodes, and show how it goes until Ctrl-C'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "status" -d 'Show the table of a running testnet'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "stop" -d 'Stop a node'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "start" -d 'Start a stopped node again'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "add-miner" -d 'Add a miner with a model of your own, registered while the subnet runs'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "load" -d 'Keep a running testnet busy with random operations, signed with its own keys'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "logs" -d 'Show the log of a node, or of all'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "down" -d 'Stop a running testnet from another terminal'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "keys" -d 'Make a manifest, keys and addresses for a testnet that something else starts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and not __fish_seen_subcommand_from up status stop start add-miner load logs down keys help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -l validators -d 'How many validators [default: 4]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -l miners -d 'How many miners; the five built-in models take turns [default: 5]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -l epoch-length -d 'Time from one epoch to the next, 2s to 24h [default: 10s]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -l epochs -d 'End after N certified epochs, with a verdict [default: as many as the file\'s load needs, else none]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -l genesis-in -d 'Time from the start of the nodes to the first epoch [default: as the workers need it, 15s or more]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -l dir -d 'Directory of the testnet' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -l learner -d 'Add a miner that starts weak and learns from its rewards'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from up" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from status" -l dir -d 'Directory of the testnet' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from status" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from status" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from stop" -l dir -d 'Directory of the testnet' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from stop" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from stop" -l kill -d 'Kill it at once, as a crash would'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from stop" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from stop" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from start" -l dir -d 'Directory of the testnet' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from start" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from start" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from start" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from start" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from add-miner" -l command -d 'The program and its arguments, quoted as for a shell' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from add-miner" -l name -d 'What to call it [default: added-1, added-2, ...]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from add-miner" -l dir -d 'Directory of the testnet' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from add-miner" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from add-miner" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from add-miner" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from add-miner" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from add-miner" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from load" -l operations -d 'Operations in each epoch' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from load" -l epochs -d 'For how many epochs' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from load" -l seed -d 'Of the draw' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from load" -l dir -d 'Directory of the testnet' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from load" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from load" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from load" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from load" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from load" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from logs" -l lines -d 'How many of the last lines' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from logs" -l dir -d 'Directory of the testnet' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from logs" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Wait for more, until Ctrl-C'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from logs" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from logs" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from logs" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from down" -l dir -d 'Directory of the testnet' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from down" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from down" -l purge -d 'Remove its keys, logs and data too'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from down" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from down" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from down" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from down" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -l out -d 'New directory for everything' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -l validators -d 'How many validators [default: 4]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -l miners -d 'How many miners [default: 5]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -l epoch-length -d 'Time from one epoch to the next, 2s to 24h [default: 10s]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -l genesis-in -d 'When the first epoch begins, from now; all validators should run by then' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -l uid -d 'User who shall own the hotkeys, as which the nodes will run [default: you, or 65532 for root]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from keys" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "up" -d 'Start a subnet of real nodes, and show how it goes until Ctrl-C'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show the table of a running testnet'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Stop a node'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "start" -d 'Start a stopped node again'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "add-miner" -d 'Add a miner with a model of your own, registered while the subnet runs'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "load" -d 'Keep a running testnet busy with random operations, signed with its own keys'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "logs" -d 'Show the log of a node, or of all'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "down" -d 'Stop a running testnet from another terminal'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "keys" -d 'Make a manifest, keys and addresses for a testnet that something else starts'
complete -c ganglion -n "__fish_ganglion_using_subcommand testnet; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l hotkey -d 'Hotkey that takes the uid, and signs the work: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l coldkey -d 'Coldkey that owns it and is paid: an address, or the name of a key here' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l role -d 'What the hotkey will do' -r -f -a "miner\t'Runs a model and answers tasks'
validator\t'Draws tasks, scores answers, sets weights; with stake, votes'"
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l seed-index -d 'Which task-seed chain of a validator\'s hotkey' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l max-price -d 'The most to pay, in units [default: half as much again as the price now]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l threads -d 'Threads that work [default: all cores]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l hotkey-password-file -d 'File with the hotkey\'s password, if it differs from the coldkey\'s' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l burn -d 'Pay out of the coldkey\'s balance, in place of work'
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand register" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l hotkey -d 'Hotkey that signs and holds the uid: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand deregister" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l hotkey -d 'Hotkey that signs and holds a uid: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l role -d 'What it will do [default: what it does now]' -r -f -a "miner\t'Runs a model and answers tasks'
validator\t'Draws tasks, scores answers, sets weights; with stake, votes'"
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l seed-index -d 'Which task-seed chain of a validator\'s hotkey' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l from -d 'The present hotkey: an address, or the name of a key here' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l to -d 'The next hotkey: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l coldkey -d 'Coldkey that signs: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l hotkey-password-file -d 'File with the hotkey\'s password, if it differs from the coldkey\'s' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand rotate" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -l from -d 'First release epoch to show of what unbonds' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -l long -d 'Show whole addresses'
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand wallet" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l hotkey -d 'Hotkey that holds the stake: an address, or the name of a key here' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l coldkey -d 'Coldkey that signs: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand stake" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l hotkey -d 'Hotkey that holds the stake: an address, or the name of a key here' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l coldkey -d 'Coldkey that signs: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand unstake" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l to -d 'Receiver: an address, or the name of a coldkey here' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l coldkey -d 'Coldkey that signs: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand transfer" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l hotkey -d 'Hotkey that holds the stake: an address, or the name of a key here' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l coldkey -d 'Coldkey that signs: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand delegate" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l hotkey -d 'Hotkey that holds the stake: an address, or the name of a key here' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l coldkey -d 'Coldkey that signs: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand undelegate" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l hotkey -d 'A hotkey of the coldkey: an address, or the name of a key here' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l coldkey -d 'Coldkey that signs: a name here, or the path of its file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l nonce -d 'Number of this operation of its signer [default: the next one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l password-file -d 'File with the password in its first line, also `GANGLION_PASSWORD_FILE`' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l dry-run -d 'Say whether it would succeed, else which rule fails and when it will pass; sign nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l force -d 'Send it even if it would surely fail, which uses up its number'
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l no-wait -d 'Do not wait for the cut'
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand take" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and not __fish_seen_subcommand_from submit help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and not __fish_seen_subcommand_from submit help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and not __fish_seen_subcommand_from submit help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and not __fish_seen_subcommand_from submit help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and not __fish_seen_subcommand_from submit help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and not __fish_seen_subcommand_from submit help" -f -a "submit" -d 'Send a task to well-ranked miners and show their answers'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and not __fish_seen_subcommand_from submit help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l input -d 'The task as JSON' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l file -d 'File with the task as JSON, - for standard input' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l sample -d 'A handwritten digit of the 297 that no miner trains on and no validator draws; a random one unless its number is given' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l miners -d 'How many of the best miners to ask, 1 to 16' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l timeout -d 'How long to wait, 100ms to 1m' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from submit" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from help" -f -a "submit" -d 'Send a task to well-ranked miners and show their answers'
complete -c ganglion -n "__fish_ganglion_using_subcommand task; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -l ready -d 'Say only whether the node does its part; the exit code is 1 if not'
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -l live -d 'Say only whether the node\'s process answers; a restart mends it if not'
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand status" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand metagraph" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand metagraph" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand metagraph" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand metagraph" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand metagraph" -l long -d 'Show whole addresses, coldkeys, delegation and immunity'
complete -c ganglion -n "__fish_ganglion_using_subcommand metagraph" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand metagraph" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand metagraph" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand metagraph" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -f -a "list" -d 'List the last epochs'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -f -a "show" -d 'Show one epoch: its cut, its certificate and what it paid'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -f -a "prove" -d 'Write a proof of one row, for anybody to check with `ganglion verify`'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -f -a "replay" -d 'Execute an epoch again, and compare every stage with what is stored'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -f -a "export" -d 'Write all rows behind the roots of an epoch'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -f -a "diff" -d 'Name the first stage and row in which an epoch differs from another node\'s'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and not __fish_seen_subcommand_from list show prove replay export diff help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -l from -d 'Rise from this epoch on, in place of the last ones' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -l limit -d 'How many, 1 to 100' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from show" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from show" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from show" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from show" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from show" -l explain -d 'Say in plain words how each reward came about'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from show" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -l from-checkpoint -d 'Start from the cut of this epoch, for whoever has its id; 0 is genesis' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -l dir -d 'Data directory of a node that does not run, in place of a running one' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from prove" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from replay" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from replay" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from replay" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from replay" -l dir -d 'Data directory of a node that does not run, in place of a running one' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from replay" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from replay" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from replay" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from replay" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from replay" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from export" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from export" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from export" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from export" -l dir -d 'Data directory of a node that does not run, in place of a running one' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from export" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from export" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -l with -d 'API of another node, such as 10.0.0.2:7880, or a file of `ganglion epoch export`' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -l dir -d 'Data directory of a node that does not run, in place of a running one' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the last epochs'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one epoch: its cut, its certificate and what it paid'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from help" -f -a "prove" -d 'Write a proof of one row, for anybody to check with `ganglion verify`'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from help" -f -a "replay" -d 'Execute an epoch again, and compare every stage with what is stored'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write all rows behind the roots of an epoch'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Name the first stage and row in which an epoch differs from another node\'s'
complete -c ganglion -n "__fish_ganglion_using_subcommand epoch; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -f -a "status" -d 'How far anchors are, and what hinders them'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -f -a "list" -d 'Anchors under way, and the last hundred that are final'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -f -a "retry" -d 'Try everything again now, and go on after a refusal'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -f -a "find" -d 'Who anchored an epoch, compared with the cuts of a node'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -f -a "witnesses" -d 'Other nodes\' logs of anchors, as far as a node keeps copies'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -f -a "accuse" -d 'Show a node another certified cut of one of its epochs: if it holds, the node freezes'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -f -a "deploy" -d 'Make the contract for anchors on an EVM chain: once for all subnets and publishers'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and not __fish_seen_subcommand_from status list retry find witnesses accuse deploy help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from status" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from status" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from status" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from status" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from status" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from list" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from list" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from list" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from list" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from list" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from retry" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from retry" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from retry" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from retry" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from retry" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from retry" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from retry" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from find" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from find" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from find" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from find" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from find" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from find" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from find" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from find" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from witnesses" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from witnesses" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from witnesses" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from witnesses" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from witnesses" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from witnesses" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from witnesses" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from witnesses" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from accuse" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from accuse" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from accuse" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from accuse" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from accuse" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from accuse" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from accuse" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from accuse" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from deploy" -l rpc -d 'The chain\'s node' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from deploy" -l chain-id -d 'Number of the chain' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from deploy" -l key-file -d 'File with the secp256k1 key that pays, 64 hexadecimal digits, mode 0600' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from deploy" -l fee-cap -d 'Most per unit of gas, gwei' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from deploy" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from deploy" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from deploy" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from deploy" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from deploy" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from help" -f -a "status" -d 'How far anchors are, and what hinders them'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from help" -f -a "list" -d 'Anchors under way, and the last hundred that are final'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Try everything again now, and go on after a refusal'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from help" -f -a "find" -d 'Who anchored an epoch, compared with the cuts of a node'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from help" -f -a "witnesses" -d 'Other nodes\' logs of anchors, as far as a node keeps copies'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from help" -f -a "accuse" -d 'Show a node another certified cut of one of its epochs: if it holds, the node freezes'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from help" -f -a "deploy" -d 'Make the contract for anchors on an EVM chain: once for all subnets and publishers'
complete -c ganglion -n "__fish_ganglion_using_subcommand anchor; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and not __fish_seen_subcommand_from show status help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and not __fish_seen_subcommand_from show status help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and not __fish_seen_subcommand_from show status help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and not __fish_seen_subcommand_from show status help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and not __fish_seen_subcommand_from show status help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and not __fish_seen_subcommand_from show status help" -f -a "show" -d 'Read the participants of a subnet of subtensor at a final block, with the digest of what was read'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and not __fish_seen_subcommand_from show status help" -f -a "status" -d 'What a subnet took last of the registry that it follows, and what a node reads there itself'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and not __fish_seen_subcommand_from show status help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -l rpc -d 'A node of the chain that you trust' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -l genesis -d 'Hash of the chain\'s first block' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -l netuid -d 'Number of the subnet there' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -l every -d 'Read the newest final block whose height is a multiple of this' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -l height -d 'Read the block of this height instead' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -l proven -d 'A hotkey that signed for itself with ed25519: an address, or the name of a key file' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from status" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from status" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from status" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from status" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from status" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "show" -d 'Read the participants of a subnet of subtensor at a final block, with the digest of what was read'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "status" -d 'What a subnet took last of the registry that it follows, and what a node reads there itself'
complete -c ganglion -n "__fish_ganglion_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l checkpoint -d 'Believe this cut: its epoch and its id' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l genesis -d 'Believe the genesis of this manifest' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l anchor -d 'Check an anchor too: what `ganglion anchor find EPOCH --json` printed' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l anchor-rpc -d 'The chain\'s node to ask: one that you trust' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l anchor-chain-id -d 'Number of an EVM chain' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l anchor-contract -d 'The contract on it' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l anchor-blocks -d 'Take an anchor as final after so many blocks, where an EVM chain\'s node does not say it' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l anchor-genesis -d 'Hash of the first block of a Substrate chain' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand verify" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and not __fish_seen_subcommand_from list export import help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and not __fish_seen_subcommand_from list export import help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and not __fish_seen_subcommand_from list export import help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and not __fish_seen_subcommand_from list export import help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and not __fish_seen_subcommand_from list export import help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and not __fish_seen_subcommand_from list export import help" -f -a "list" -d 'List the snapshots that a node keeps'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and not __fish_seen_subcommand_from list export import help" -f -a "export" -d 'Write a snapshot to a file'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and not __fish_seen_subcommand_from list export import help" -f -a "import" -d 'Begin a new node with a snapshot from a file'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and not __fish_seen_subcommand_from list export import help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l manifest -d 'The subnet\'s manifest [default: subnet.toml in the data directory]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l hotkey -d 'Name of the hotkey, or path of its file [default: default]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l password-file -d 'File with the hotkey\'s password in its first line' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l listen -d 'Multiaddr to listen on; may be repeated [default: /ip4/127.0.0.1/tcp/7800]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l external -d 'Multiaddr to tell others; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l nat -d 'Whether others can connect here: auto, behind or none [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l relay -d 'Whether to carry connections of peers behind NAT: auto, on or off [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l bootnode -d 'Multiaddr with /p2p/PEER of a node to begin with; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l api -d 'Where to serve the HTTP API and /metrics [default: 127.0.0.1:7880]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l log-level -d 'What to log, such as `debug` or `ganglion_p2p=trace` [default: info]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l log-format -d 'How to log: pretty or json [default: pretty]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l worker -d 'Built-in worker [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l worker-command -d 'Program to run as worker, such as \'python3 miner.py\'' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l max-connections -d 'Connections to other nodes at most [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l metrics-uids -d 'How many uids have metrics of their own [default: 256]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l checkpoint -d 'Cut to trust: join by a snapshot of the peers' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l archive -d 'Whether to keep the items of every epoch: true or false [default: false]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l snapshot-every -d 'How often to keep a snapshot, in epochs; 0 keeps none [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l epoch -d 'Which epoch [default: the newest there is]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l out -d 'The file to write' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l manifest -d 'The subnet\'s manifest [default: subnet.toml in the data directory]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l hotkey -d 'Name of the hotkey, or path of its file [default: default]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l password-file -d 'File with the hotkey\'s password in its first line' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l listen -d 'Multiaddr to listen on; may be repeated [default: /ip4/127.0.0.1/tcp/7800]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l external -d 'Multiaddr to tell others; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l nat -d 'Whether others can connect here: auto, behind or none [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l relay -d 'Whether to carry connections of peers behind NAT: auto, on or off [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l bootnode -d 'Multiaddr with /p2p/PEER of a node to begin with; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l api -d 'Where to serve the HTTP API and /metrics [default: 127.0.0.1:7880]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l log-level -d 'What to log, such as `debug` or `ganglion_p2p=trace` [default: info]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l log-format -d 'How to log: pretty or json [default: pretty]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l worker -d 'Built-in worker [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l worker-command -d 'Program to run as worker, such as \'python3 miner.py\'' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l max-connections -d 'Connections to other nodes at most [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l metrics-uids -d 'How many uids have metrics of their own [default: 256]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l checkpoint -d 'Cut to trust: join by a snapshot of the peers' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l archive -d 'Whether to keep the items of every epoch: true or false [default: false]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l snapshot-every -d 'How often to keep a snapshot, in epochs; 0 keeps none [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l force -d 'Replace the file if it is there'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l manifest -d 'The subnet\'s manifest [default: subnet.toml in the data directory]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l hotkey -d 'Name of the hotkey, or path of its file [default: default]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l password-file -d 'File with the hotkey\'s password in its first line' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l listen -d 'Multiaddr to listen on; may be repeated [default: /ip4/127.0.0.1/tcp/7800]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l external -d 'Multiaddr to tell others; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l nat -d 'Whether others can connect here: auto, behind or none [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l relay -d 'Whether to carry connections of peers behind NAT: auto, on or off [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l bootnode -d 'Multiaddr with /p2p/PEER of a node to begin with; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l api -d 'Where to serve the HTTP API and /metrics [default: 127.0.0.1:7880]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l log-level -d 'What to log, such as `debug` or `ganglion_p2p=trace` [default: info]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l log-format -d 'How to log: pretty or json [default: pretty]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l worker -d 'Built-in worker [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l worker-command -d 'Program to run as worker, such as \'python3 miner.py\'' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l max-connections -d 'Connections to other nodes at most [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l metrics-uids -d 'How many uids have metrics of their own [default: 256]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l checkpoint -d 'Cut to trust: join by a snapshot of the peers' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l archive -d 'Whether to keep the items of every epoch: true or false [default: false]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l snapshot-every -d 'How often to keep a snapshot, in epochs; 0 keeps none [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the snapshots that a node keeps'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write a snapshot to a file'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "import" -d 'Begin a new node with a snapshot from a file'
complete -c ganglion -n "__fish_ganglion_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -f -a "info" -d 'Show what a data directory holds: epochs, sizes, how far the node signed, what was put aside'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -f -a "verify" -d 'Check every file of a stopped node against the others, and name the first that is wrong'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -f -a "export" -d 'Write the certified epochs of a stopped node to one file, for a backup'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -f -a "import" -d 'Begin a node with certified epochs from a file; each is checked and executed'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and not __fish_seen_subcommand_from info verify export import help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from info" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from info" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from info" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from info" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from info" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from info" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from info" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from verify" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from verify" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from verify" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from verify" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from export" -l out -d 'The file to write; - for standard output' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from export" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from export" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from export" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from export" -l force -d 'Replace the file if it is there'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from export" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from import" -l checkpoint -d 'Cut to trust, of the snapshot that the file begins with' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from import" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from import" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from import" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from import" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "info" -d 'Show what a data directory holds: epochs, sizes, how far the node signed, what was put aside'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check every file of a stopped node against the others, and name the first that is wrong'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write the certified epochs of a stopped node to one file, for a backup'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "import" -d 'Begin a node with certified epochs from a file; each is checked and executed'
complete -c ganglion -n "__fish_ganglion_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand recover" -l clear-fork -d 'Put the damaged proof of a fork aside, so that the node goes on. Only if other nodes know of no fork' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand recover" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand recover" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand recover" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand recover" -l dry-run -d 'Say what is wrong and what would be done, and do nothing'
complete -c ganglion -n "__fish_ganglion_using_subcommand recover" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand recover" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand recover" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand recover" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l manifest -d 'The subnet\'s manifest [default: subnet.toml in the data directory]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l hotkey -d 'Name of the hotkey, or path of its file [default: default]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l password-file -d 'File with the hotkey\'s password in its first line' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l listen -d 'Multiaddr to listen on; may be repeated [default: /ip4/127.0.0.1/tcp/7800]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l external -d 'Multiaddr to tell others; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l nat -d 'Whether others can connect here: auto, behind or none [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l relay -d 'Whether to carry connections of peers behind NAT: auto, on or off [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l bootnode -d 'Multiaddr with /p2p/PEER of a node to begin with; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l api -d 'Where to serve the HTTP API and /metrics [default: 127.0.0.1:7880]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l log-level -d 'What to log, such as `debug` or `ganglion_p2p=trace` [default: info]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l log-format -d 'How to log: pretty or json [default: pretty]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l worker -d 'Built-in worker [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l worker-command -d 'Program to run as worker, such as \'python3 miner.py\'' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l max-connections -d 'Connections to other nodes at most [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l metrics-uids -d 'How many uids have metrics of their own [default: 256]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l checkpoint -d 'Cut to trust: join by a snapshot of the peers' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l archive -d 'Whether to keep the items of every epoch: true or false [default: false]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l snapshot-every -d 'How often to keep a snapshot, in epochs; 0 keeps none [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l offline -d 'Ask no other machine'
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l strict -d 'Fail for warnings too'
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand explain" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand explain" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand explain" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand explain" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand explain" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand peers" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand peers" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand peers" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand peers" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand peers" -l long -d 'Show whole addresses, and peer ids'
complete -c ganglion -n "__fish_ganglion_using_subcommand peers" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand peers" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand peers" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand peers" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -l api -d 'API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -l node -d 'Name of a node of this machine: its configuration tells where its API is' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -l api-token-file -d 'File with the token of that API, for what changes the node\'s state [default: found where the node is one of this machine]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -l uid -d 'Only the row of this validator' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -l epoch -d 'Which epoch [default: the last one]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand weights" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and not __fish_seen_subcommand_from show help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and not __fish_seen_subcommand_from show help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and not __fish_seen_subcommand_from show help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and not __fish_seen_subcommand_from show help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Print every setting with its value and where it comes from'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l node -d 'Name of the node: its data is in HOME/nodes/NAME' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l data-dir -d 'Directory of the node\'s data, in place of HOME/nodes/NAME' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l manifest -d 'The subnet\'s manifest [default: subnet.toml in the data directory]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l hotkey -d 'Name of the hotkey, or path of its file [default: default]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l password-file -d 'File with the hotkey\'s password in its first line' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l listen -d 'Multiaddr to listen on; may be repeated [default: /ip4/127.0.0.1/tcp/7800]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l external -d 'Multiaddr to tell others; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l nat -d 'Whether others can connect here: auto, behind or none [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l relay -d 'Whether to carry connections of peers behind NAT: auto, on or off [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l bootnode -d 'Multiaddr with /p2p/PEER of a node to begin with; may be repeated' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l api -d 'Where to serve the HTTP API and /metrics [default: 127.0.0.1:7880]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l log-level -d 'What to log, such as `debug` or `ganglion_p2p=trace` [default: info]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'How to log: pretty or json [default: pretty]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l worker -d 'Built-in worker [default: auto]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l worker-command -d 'Program to run as worker, such as \'python3 miner.py\'' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l max-connections -d 'Connections to other nodes at most [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l metrics-uids -d 'How many uids have metrics of their own [default: 256]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l checkpoint -d 'Cut to trust: join by a snapshot of the peers' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l archive -d 'Whether to keep the items of every epoch: true or false [default: false]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l snapshot-every -d 'How often to keep a snapshot, in epochs; 0 keeps none [default: 128]' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print every setting with its value and where it comes from'
complete -c ganglion -n "__fish_ganglion_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and not __fish_seen_subcommand_from run check help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and not __fish_seen_subcommand_from run check help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and not __fish_seen_subcommand_from run check help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and not __fish_seen_subcommand_from run check help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and not __fish_seen_subcommand_from run check help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and not __fish_seen_subcommand_from run check help" -f -a "run" -d 'Print what each case gives: one JSON line with its id and the result of every step'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and not __fish_seen_subcommand_from run check help" -f -a "check" -d 'Compare every step with what the file expects; exit 1 on the first difference'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and not __fish_seen_subcommand_from run check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from run" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from run" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from check" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from check" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from help" -f -a "run" -d 'Print what each case gives: one JSON line with its id and the result of every step'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from help" -f -a "check" -d 'Compare every step with what the file expects; exit 1 on the first difference'
complete -c ganglion -n "__fish_ganglion_using_subcommand yuma; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and not __fish_seen_subcommand_from list check help" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and not __fish_seen_subcommand_from list check help" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and not __fish_seen_subcommand_from list check help" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and not __fish_seen_subcommand_from list check help" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and not __fish_seen_subcommand_from list check help" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and not __fish_seen_subcommand_from list check help" -a "list" -d 'List the built-in workers'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and not __fish_seen_subcommand_from list check help" -a "check" -d 'Start a worker and measure it on the digits that no validator draws from'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and not __fish_seen_subcommand_from list check help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from list" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from list" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from check" -l draws -d 'Times each of the 297 images is shown, with other shift and noise each time' -r
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from check" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from check" -l scorer -d 'Check a validator\'s worker: equal seeds give equal tasks, the right answer scores best'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from check" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the built-in workers'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from help" -f -a "check" -d 'Start a worker and measure it on the digits that no validator draws from'
complete -c ganglion -n "__fish_ganglion_using_subcommand worker; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand reference" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand reference" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand reference" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand reference" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand reference" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ganglion -n "__fish_ganglion_using_subcommand completions" -l home -d 'Directory of keys and nodes [default: ~/.ganglion]' -r -F
complete -c ganglion -n "__fish_ganglion_using_subcommand completions" -l json -d 'Print JSON for scripts'
complete -c ganglion -n "__fish_ganglion_using_subcommand completions" -s v -l verbose -d 'Log more; twice for everything'
complete -c ganglion -n "__fish_ganglion_using_subcommand completions" -s q -l quiet -d 'Log errors only'
complete -c ganglion -n "__fish_ganglion_using_subcommand completions" -s h -l help -d 'Print help'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "keys" -d 'Create, import and look at hotkeys and coldkeys'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "subnet" -d 'Manifests, and the parameters of a running subnet'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "init" -d 'Create a node\'s data directory'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "run" -d 'Run a node'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "testnet" -d 'Run a whole subnet on this machine, and look at it'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "register" -d 'Take a uid in the subnet of a running node, paid by proof of work or out of a balance'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "deregister" -d 'Give a uid back'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "serve" -d 'Change what a hotkey does, or give a validator a new task-seed chain'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "rotate" -d 'Give a uid a new hotkey'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "wallet" -d 'Show all that a coldkey owns, and what it waits for'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "stake" -d 'Move balance of a coldkey to stake on one of its validators'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "unstake" -d 'Move stake back to the balance of its coldkey'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "transfer" -d 'Move balance to another coldkey'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "delegate" -d 'Put balance at stake behind somebody else\'s validator'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "undelegate" -d 'Take delegated stake back'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "take" -d 'Set the share that a validator\'s owner keeps of what delegated stake earns'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "task" -d 'Give tasks to the subnet\'s miners'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "status" -d 'Show what a node does and how its subnet is'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "metagraph" -d 'Show all participants with what they earned in the last epoch'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "epoch" -d 'List and explain decided epochs'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "anchor" -d 'Epochs on other chains: how far, what is under way, who anchored what'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "registry" -d 'Participants that another chain lists'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "verify" -d 'Check a proof of one row, with no node and no keys'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "snapshot" -d 'List, export and import snapshots of the state'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "db" -d 'Look at a node\'s data, check it, back it up'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "recover" -d 'Find out what is wrong with a node\'s data, and mend it'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "doctor" -d 'Find what hinders a node, and how to mend it'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "explain" -d 'Say what the code of an error means, and what to do'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "peers" -d 'Show the nodes that a node knows'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "weights" -d 'Show the weights that counted in an epoch'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "config" -d 'Look at a node\'s configuration'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "yuma" -d 'Run and check vectors of the epoch function, Yuma Consensus'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "worker" -d 'Check a model before it mines, or be one of the built-in workers'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "reference" -d 'Print a page that is made from the program itself'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and not __fish_seen_subcommand_from keys subnet init run testnet register deregister serve rotate wallet stake unstake transfer delegate undelegate take task status metagraph epoch anchor registry verify snapshot db recover doctor explain peers weights config yuma worker reference completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "new" -d 'Make a new key from a fresh phrase'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "import" -d 'Make a key file from a phrase, a secret seed or a development account'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "show" -d 'Show a key\'s address, public key and peer id'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "list" -d 'List all keys'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "seed-tail" -d 'Print the tail of a validator\'s task-seed chain, for the manifest or for registering'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "export" -d 'Print a key\'s secret seed, to back it up or to use it in Substrate\'s tools'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "history" -d 'How far a node\'s hotkey has signed, for moving it to another machine'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from subnet" -f -a "new" -d 'Write a manifest with every setting and what it does'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from subnet" -f -a "show" -d 'Check a manifest and show what it means: times, stake, rules'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from subnet" -f -a "id" -d 'Print the subnet id of a manifest'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from subnet" -f -a "entry" -d 'Print one participant\'s table for a manifest'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from subnet" -f -a "parameters" -d 'Show a running subnet\'s parameters, each with who may change it'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from subnet" -f -a "revise" -d 'Propose new parameters of a running subnet'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from subnet" -f -a "revisions" -d 'Show the revisions that wait, with the stake behind them'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from subnet" -f -a "approve" -d 'Approve a revision with a coldkey that owns a member of the committee'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from testnet" -f -a "up" -d 'Start a subnet of real nodes, and show how it goes until Ctrl-C'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from testnet" -f -a "status" -d 'Show the table of a running testnet'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from testnet" -f -a "stop" -d 'Stop a node'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from testnet" -f -a "start" -d 'Start a stopped node again'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from testnet" -f -a "add-miner" -d 'Add a miner with a model of your own, registered while the subnet runs'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from testnet" -f -a "load" -d 'Keep a running testnet busy with random operations, signed with its own keys'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from testnet" -f -a "logs" -d 'Show the log of a node, or of all'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from testnet" -f -a "down" -d 'Stop a running testnet from another terminal'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from testnet" -f -a "keys" -d 'Make a manifest, keys and addresses for a testnet that something else starts'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from task" -f -a "submit" -d 'Send a task to well-ranked miners and show their answers'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from epoch" -f -a "list" -d 'List the last epochs'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from epoch" -f -a "show" -d 'Show one epoch: its cut, its certificate and what it paid'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from epoch" -f -a "prove" -d 'Write a proof of one row, for anybody to check with `ganglion verify`'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from epoch" -f -a "replay" -d 'Execute an epoch again, and compare every stage with what is stored'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from epoch" -f -a "export" -d 'Write all rows behind the roots of an epoch'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from epoch" -f -a "diff" -d 'Name the first stage and row in which an epoch differs from another node\'s'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from anchor" -f -a "status" -d 'How far anchors are, and what hinders them'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from anchor" -f -a "list" -d 'Anchors under way, and the last hundred that are final'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from anchor" -f -a "retry" -d 'Try everything again now, and go on after a refusal'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from anchor" -f -a "find" -d 'Who anchored an epoch, compared with the cuts of a node'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from anchor" -f -a "witnesses" -d 'Other nodes\' logs of anchors, as far as a node keeps copies'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from anchor" -f -a "accuse" -d 'Show a node another certified cut of one of its epochs: if it holds, the node freezes'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from anchor" -f -a "deploy" -d 'Make the contract for anchors on an EVM chain: once for all subnets and publishers'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "show" -d 'Read the participants of a subnet of subtensor at a final block, with the digest of what was read'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "status" -d 'What a subnet took last of the registry that it follows, and what a node reads there itself'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "list" -d 'List the snapshots that a node keeps'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "export" -d 'Write a snapshot to a file'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "import" -d 'Begin a new node with a snapshot from a file'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "info" -d 'Show what a data directory holds: epochs, sizes, how far the node signed, what was put aside'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "verify" -d 'Check every file of a stopped node against the others, and name the first that is wrong'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "export" -d 'Write the certified epochs of a stopped node to one file, for a backup'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "import" -d 'Begin a node with certified epochs from a file; each is checked and executed'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print every setting with its value and where it comes from'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from yuma" -f -a "run" -d 'Print what each case gives: one JSON line with its id and the result of every step'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from yuma" -f -a "check" -d 'Compare every step with what the file expects; exit 1 on the first difference'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from worker" -f -a "list" -d 'List the built-in workers'
complete -c ganglion -n "__fish_ganglion_using_subcommand help; and __fish_seen_subcommand_from worker" -f -a "check" -d 'Start a worker and measure it on the digits that no validator draws from'
