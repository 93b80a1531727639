//! What a user types or writes: the command line, files, keys, settings.

use crate::fault::code::{Area, Code, area};

area! { USAGE "Command line"
    USAGE "usage" "The command line has an unknown command, flag or value."
        "Compare it with what the same command prints with --help.";
    UNEXPECTED "unexpected" "Something failed that no rule of this program foresees."
        "Run it again; if it fails in the same way, report the sentence with the command and the version of \
         `ganglion --version`.";
    OUTPUT "output" "Standard output cannot be written."
        "See that the disk or program behind it takes what is written.";
    SYSTEM_REFUSED "system-refused"
        "The operating system refused something basic, such as a thread or an access to a file."
        "See whether permissions, open files or processes run out; of a running node the log says more, and -v \
         logs everything.";
    NO_RANDOMNESS "no-randomness" "The operating system gives no random bytes."
        "Run it on a system with a random generator that works: `getrandom` must answer.";
    FEATURE_MISSING "feature-missing" "This program was built without the feature that the command needs."
        "Build it with `cargo install --locked --path node --features chains`.";
}

area! { FILES "Files"
    FILE_MISSING "file-missing" "A file that was named is not there."
        "Check the path.";
    FILE_EXISTS "file-exists" "A file is there already, and is not overwritten."
        "Choose another name, or replace it with --force.";
    FILE_OPEN_TO_OTHERS "file-open-to-others" "A file with a secret may be read or changed by other users."
        "Run: chmod 600 FILE";
    FILE_TOO_LARGE "file-too-large" "A file is larger than any of its kind has to be."
        "Check that this is the file you meant.";
    FILE_NOT_TEXT "file-not-text" "A file that should be text is none."
        "Check that this is the file you meant.";
    FILE_UNUSABLE "file-unusable" "The operating system does not let this user read or write a file."
        "Let this user have it (`ls -l` shows the owner), or name another one.";
    FILE_RULES "file-rules" "A manifest or the file of a testnet breaks a rule; the sentence names the line."
        "Mend that line; `ganglion subnet show FILE` checks a manifest again.";
}

area! { KEYS "Keys"
    PHRASE_LENGTH "phrase-length" "A secret phrase has a number of words that BIP-39 does not know."
        "Give a phrase of 12, 15, 18, 21 or 24 words, as BIP-39 has it.";
    PHRASE_WORD "phrase-word" "A word of the secret phrase is not in the English list of BIP-39."
        "Compare the phrase with your copy, word by word.";
    PHRASE_CHECKSUM "phrase-checksum" "The words of the secret phrase do not belong together."
        "Compare the phrase with your copy, word by word.";
    SOFT_STEP "soft-step" "A derivation path has a soft step, which ed25519 keys do not have."
        "Write the hard step with two slashes.";
    EMPTY_STEP "empty-step" "A derivation path has an empty step."
        "Write a path like //miner//0.";
    DEVELOPMENT_PHRASE "development-phrase" "The key would derive from a phrase that everybody knows."
        "Add --dev if that is what you want: everybody can sign with such a key.";
    SECRET_ON_COMMAND_LINE "secret-on-command-line"
        "A secret stands on the command line, which every user of the machine can see."
        "Put it in a file with mode 0600 and name that with --mnemonic-file, or pipe it to --mnemonic-file -.";
    SEED_FORM "seed-form" "A secret seed is not 0x and 64 hexadecimal digits."
        "Check the seed; `ganglion keys export` prints one.";
    SEED_PASSPHRASE "seed-passphrase" "A secret seed comes with a passphrase, which only phrases have."
        "Leave the ///passphrase out: it is part of the seed already.";
    KEY_NAME "key-name" "A name is none that a key file can have."
        "Use 1 to 64 of the characters a-z A-Z 0-9 . _ - and begin with a letter or digit.";
    NO_SUCH_KEY "no-such-key" "There is no key file of that name."
        "See the keys there are with `ganglion keys list`.";
    KEY_FORM "key-form" "A file is no key file."
        "Name a file that `ganglion keys` wrote.";
    KEY_VERSION "key-version" "A key file is of a version that this program does not read."
        "Use the version of ganglion that wrote it, or a newer one.";
    KEY_KIND "key-kind" "A coldkey stands where a hotkey is needed, or the other way round."
        "Name the file of a key of the other kind; `ganglion keys list` shows both.";
    WRONG_PASSWORD "wrong-password" "The password does not open the key file, or the file was edited."
        "Check the password; a file that was edited does not open either.";
    KEY_DAMAGED "key-damaged" "The secret in a key file does not belong to its address."
        "Restore the file from a copy, or import its phrase again.";
    KEY_WITHOUT_ADDRESS "key-without-address" "A key file has no public key that can be read."
        "Restore it from a copy.";
    NO_PASSWORD "no-password" "A password is needed, and there is no terminal to ask on."
        "Name a file with the password in its first line: --password-file FILE or GANGLION_PASSWORD_FILE.";
    EMPTY_PASSWORD "empty-password" "A password is empty."
        "Name a file with the password in its first line (--password-file FILE), or store the key unencrypted \
         on purpose (--no-password).";
    PASSWORDS_DIFFER "passwords-differ" "The two answers to the question for a new password differ."
        "Start again and type the same password twice.";
    NO_TERMINAL "no-terminal" "The terminal cannot be asked for a password."
        "Use --password-file FILE.";
    NOTHING_TO_IMPORT "nothing-to-import" "No secret was named that could be imported."
        "Name a --mnemonic-file.";
    ADDRESS_FORM "address-form" "A text looks like an address and is none: a character is wrong or missing."
        "Copy the whole address again.";
}

area! { HISTORY "Signing history"
    HISTORY_FORM "history-form" "A file is no signing history."
        "Copy the file again, or write it anew with `ganglion keys history export` on the machine that the key \
         comes from.";
    HISTORY_CHANGED "history-changed" "The checksum or the signature of a signing history does not hold."
        "Copy the file again, or write it anew with `ganglion keys history export` on the machine that the key \
         comes from.";
    HISTORY_NEWER "history-newer" "A signing history was written by a newer release."
        "Run the newer release.";
    HISTORY_SUBNET "history-subnet" "A signing history is of another subnet than the node."
        "Name the node of that subnet with --node.";
    HISTORY_KEY "history-key" "A signing history is of another hotkey than the node's."
        "Import that key first (`ganglion keys import`) and name it as `hotkey` in node.toml.";
    HISTORY_NOT_LATER "history-not-later" "The node signed as far as the history says, or further."
        "Start the node: there is nothing to take over. If this file should be the newer one, export it again \
         from the machine that signed last.";
    HISTORY_KEPT "history-kept" "The history of the node was not exported, so nothing keeps it from signing."
        "Start the node with `ganglion run`.";
    REINSTATE_UNSURE "reinstate-unsure"
        "A node whose history was exported should sign again, and nobody said that its key signs nowhere else."
        "If it was started nowhere else, or never will be again, repeat this with --yes.";
    WATERMARK_UNKNOWN "watermark-unknown" "How far a node signed is not known any more."
        "Do not move the key now. Run the node here: it stays silent until one whole epoch has passed, and then \
         writes its watermark again. `ganglion recover` says more.";
}

area! { SETTINGS "Settings and manifest"
    SETTINGS "settings" "A setting of a node is unknown, out of range, missing, or contradicts another one."
        "Set it as docs/SETTINGS.md says; `ganglion config show` lists every setting with its source.";
    MANIFEST "manifest" "The manifest of a node is missing or breaks a rule."
        "Put the subnet's manifest where `ganglion config show` looks for it; `ganglion subnet show` says what \
         is wrong with one.";
    MANIFEST_NO_SUBNET "manifest-no-subnet"
        "A manifest makes no subnet, such as one without a validator that can close an epoch."
        "See why with `ganglion subnet show`.";
    INIT_NO_MANIFEST "init-no-manifest" "A data directory is to be made, and no manifest is named."
        "Add --manifest FILE; `ganglion subnet new` writes one.";
    BEHAVIOUR_OUTSIDE_TESTNET "behaviour-outside-testnet"
        "A node that no testnet made is told to break the rules."
        "Leave it out; `behaviour` in the file of `ganglion testnet up` sets it.";
    MINER_STAKE "miner-stake" "A miner of a manifest is given a stake."
        "Leave --stake out.";
    CHANGE_FORM "change-form" "A text is no change of a parameter."
        "Write NAME=VALUE, such as kappa=40000.";
    CHANGE_UNKNOWN "change-unknown" "A change names a parameter that there is not."
        "See all names with `ganglion subnet parameters`.";
    CHANGE_VALUE "change-value" "A change gives a parameter a value that it cannot have."
        "Give a value in the unit and range that `ganglion subnet parameters` shows.";
    CHANGE_TWICE "change-twice" "A revision changes one parameter twice."
        "Give one value for each.";
}
