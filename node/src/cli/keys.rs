//! `ganglion keys`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use ganglion_types::Hotkey;
use serde_json::{Value, json};

use super::exit::Failure;
use super::history::{self, HistoryCommand};
use super::{Global, output};
use crate::fault::Code;
use crate::files;
use crate::keys::{
    KeyError, KeyFile, KeyKind, KeyPair, Password, PasswordSource, Phrase, Prompt, SecretUri,
    WordCount, peer_id, read_secret,
};

/// Create, import and look at hotkeys and coldkeys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a new key from a fresh phrase
    #[command(after_help = "\
The phrase is shown once, on standard error. It is the only copy besides the key file.

Examples:
  ganglion keys new --role hotkey --name v1 --password-file pw.txt
  ganglion keys new --role coldkey --name treasury --words 24
  ganglion keys new --name test --no-password       for experiments: stored unencrypted")]
    New(NewArgs),
    /// Make a key file from a phrase, a secret seed or a development account
    #[command(after_help = "\
The same phrase gives the same ed25519 account in Substrate's tools.

Examples:
  ganglion keys import --role coldkey --name old --mnemonic-file phrase.txt
  echo \"$PHRASE//miner//0\" | ganglion keys import --name m0 --mnemonic-file -
  ganglion keys import --name alice --uri //Alice --dev --no-password")]
    Import(ImportArgs),
    /// Show a key's address, public key and peer id
    Show(NamedArgs),
    /// List all keys
    List,
    /// Print the tail of a validator's task-seed chain, for the manifest or for registering
    #[command(after_help = "\
A validator shows one element of this chain per epoch, walking backwards from the tail, so that
nobody can foresee its tasks and everybody can check them later. The chain depends on nothing but
the hotkey and the index. Raise the index when a chain is used up after 65,536 epochs.")]
    SeedTail(SeedTailArgs),
    /// Print a key's secret seed, to back it up or to use it in Substrate's tools
    Export(ExportArgs),
    /// How far a node's hotkey has signed, for moving it to another machine
    #[command(subcommand)]
    History(HistoryCommand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Signs work, on a running node
    Hotkey,
    /// Owns stake and balance, off the node
    Coldkey,
}

impl From<Role> for KeyKind {
    fn from(role: Role) -> Self {
        match role {
            Role::Hotkey => Self::Hotkey,
            Role::Coldkey => Self::Coldkey,
        }
    }
}

#[derive(Debug, Args)]
struct FileArgs {
    /// What the key is for
    #[arg(long, value_enum, default_value_t = Role::Hotkey)]
    role: Role,
    /// Its name: the file is HOME/keys/{hotkeys,coldkeys}/NAME.json
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Replace an existing key of that name
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    password: FreshPasswordArgs,
}

/// Where the password of an existing key comes from.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct PasswordArgs {
    /// File with the password in its first line, also `GANGLION_PASSWORD_FILE`
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// A password that stands in a file.
    pub(super) const fn of_file(file: PathBuf) -> Self {
        Self { password_file: Some(file) }
    }

    /// Flag, then environment, then a person.
    pub(super) fn source(&self) -> PasswordSource {
        let file = self.password_file.clone();
        let file = file.or_else(|| std::env::var_os("GANGLION_PASSWORD_FILE").map(PathBuf::from));
        file.map_or(PasswordSource::Ask(Prompt::OnTerminal), PasswordSource::File)
    }
}

#[derive(Debug, Args)]
struct FreshPasswordArgs {
    #[command(flatten)]
    existing: PasswordArgs,
    /// Store the key unencrypted
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
}

impl FreshPasswordArgs {
    fn fresh(&self) -> Result<Password, KeyError> {
        match self.no_password {
            true => Ok(Password::none()),
            false => self.existing.source().fresh(),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Words of the phrase, 12 or 24
    #[arg(long, default_value = "12", value_parser = ["12", "24"])]
    words: String,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    file: FileArgs,
    /// File with a phrase or a 0x seed, both with //hard//steps and ///passphrase if there are any;
    /// - for standard input
    #[arg(long, value_name = "FILE", required_unless_present = "uri", conflicts_with = "uri")]
    mnemonic_file: Option<PathBuf>,
    /// Account of the public development phrase, such as //Alice
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    /// Allow an account that everybody can sign with
    #[arg(long)]
    dev: bool,
}

#[derive(Debug, Args)]
pub(super) struct NamedArgs {
    /// Name of a key, or path of its file
    name: String,
    /// Which of two keys of that name [default: all]
    #[arg(long, value_enum)]
    role: Option<Role>,
}

#[derive(Debug, Args)]
pub(super) struct SeedTailArgs {
    /// Name of a hotkey, or path of its file
    name: String,
    /// Which chain of this hotkey
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..8))]
    index: u32,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Name of a key, or path of its file
    name: String,
    /// What the key is for
    #[arg(long, value_enum, default_value_t = Role::Hotkey)]
    role: Role,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(super) fn run(global: &Global, command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::New(args) => new(global, &args),
        KeysCommand::Import(args) => import(global, &args),
        KeysCommand::Show(args) => show(global, &args),
        KeysCommand::List => list(global),
        KeysCommand::SeedTail(args) => seed_tail(global, &args),
        KeysCommand::Export(args) => export(global, &args),
        KeysCommand::History(command) => history::run(global, &command),
    }
}

fn new(global: &Global, args: &NewArgs) -> Result<(), Failure> {
    let words = if args.words == "24" { WordCount::TwentyFour } else { WordCount::Twelve };
    let path = vacant(global, &args.file)?;
    let password = args.file.password.fresh()?;
    let phrase = Phrase::generate(words)?;
    let pair = SecretUri::of_phrase(phrase.clone()).pair();
    // Shown before it is written: a phrase that was lost with the terminal must leave no key behind
    // that somebody might put stake on.
    output::note(&format!(
        "The phrase of {} '{}'. It is shown only now. Whoever has it has the key: write it down on\n\
         paper and keep it apart from this machine.\n\n  {}\n",
        KeyKind::from(args.file.role),
        args.file.name,
        phrase.words().as_str()
    ));
    write(global, &args.file, &path, &pair, &password)
}

fn import(global: &Global, args: &ImportArgs) -> Result<(), Failure> {
    let uri = match (&args.uri, &args.mnemonic_file) {
        (Some(uri), _) if uri.starts_with('/') || uri.is_empty() => SecretUri::parse(uri)?,
        (Some(_), _) => return Err(KeyError::SecretOnCommandLine.into()),
        (None, Some(file)) => SecretUri::parse(&read_secret(file)?)?,
        (None, None) => {
            return Err(Failure::input(Code::NOTHING_TO_IMPORT, "nothing to import"));
        }
    };
    if uri.is_development() && !args.dev {
        return Err(KeyError::DevelopmentPhrase.into());
    }
    let path = vacant(global, &args.file)?;
    let password = args.file.password.fresh()?;
    write(global, &args.file, &path, &uri.pair(), &password)
}

/// The path of a key that is to be written, before a person is asked for a password in vain.
fn vacant(global: &Global, args: &FileArgs) -> Result<PathBuf, Failure> {
    let path = global.home().key_file(args.role.into(), &args.name)?;
    if path.exists() && !args.force {
        return Err(files::FileError::Exists { path }.into());
    }
    Ok(path)
}

fn write(
    global: &Global,
    args: &FileArgs,
    path: &Path,
    pair: &KeyPair,
    password: &Password,
) -> Result<(), Failure> {
    let kind = KeyKind::from(args.role);
    files::create_private_dir(&global.home().keys_of(kind))?;
    let file = KeyFile::seal(kind, pair, password)?;
    file.write(path, args.force)?;
    if !file.is_encrypted() {
        output::note("The key is stored unencrypted: only the file's mode 0600 protects it.");
    }
    print_keys(global, vec![Described::new(&args.name, path, &file)?])
}

fn show(global: &Global, args: &NamedArgs) -> Result<(), Failure> {
    let home = global.home();
    let kinds = match args.role {
        Some(role) => vec![role.into()],
        None => vec![KeyKind::Hotkey, KeyKind::Coldkey],
    };
    let mut found = Vec::new();
    let mut missing = None;
    for kind in kinds {
        match home.read_key(kind, &args.name) {
            Ok((path, file)) => found.push(Described::new(&args.name, &path, &file)?),
            Err(error @ KeyError::NoSuchKey { .. }) => missing = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    found.dedup_by(|a, b| a.path == b.path);
    match (found.is_empty(), missing) {
        (true, Some(_)) => {
            Err(KeyError::NoSuchKey { name: args.name.clone(), keys: home.keys() }.into())
        }
        _ => print_keys(global, found),
    }
}

fn list(global: &Global) -> Result<(), Failure> {
    let home = global.home();
    let mut keys = Vec::new();
    for kind in [KeyKind::Hotkey, KeyKind::Coldkey] {
        for name in home.key_names(kind)? {
            let read = home.read_key(kind, &name).map_err(Failure::from);
            match read.and_then(|(path, file)| Described::new(&name, &path, &file)) {
                Ok(key) => keys.push(key),
                // One damaged file must not hide the others.
                Err(failure) => output::note(failure.render().trim_end()),
            }
        }
    }
    if global.json {
        let keys: Vec<Value> = keys.iter().map(Described::json).collect();
        return output::print_json(&json!({"schema": "ganglion/keys/1", "keys": keys}));
    }
    if keys.is_empty() {
        output::note(&format!("No keys in {}.", home.keys().display()));
        output::note("  help: Make one with `ganglion keys new --name NAME`.");
    }
    let mut text = String::new();
    for key in keys {
        let open = if key.encrypted { "" } else { "  unencrypted" };
        let _ = writeln!(text, "{:7}  {:20}  {}{open}", key.kind.name(), key.name, key.address);
    }
    output::print(&text)
}

/// The path and public key of a key here.
pub(super) fn find(
    global: &Global,
    kind: KeyKind,
    name: &str,
) -> Result<(PathBuf, [u8; 32]), Failure> {
    let (path, file) = global.home().read_key(kind, name)?;
    let public = file.public().ok_or_else(|| {
        let sentence = format!("{} has no public key", path.display());
        Failure::input(Code::KEY_WITHOUT_ADDRESS, sentence)
    })?;
    Ok((path, public))
}

fn seed_tail(global: &Global, args: &SeedTailArgs) -> Result<(), Failure> {
    let path = global.home().read_key(KeyKind::Hotkey, &args.name)?.0;
    let pair = KeyFile::load(&path, KeyKind::Hotkey, &args.password.source())?;
    let tail = pair.seed_chain_tail(args.index);
    if global.json {
        return output::print_json(&json!({
            "schema": "ganglion/seed-tail/1",
            "hotkey": pair.hotkey().to_string(),
            "index": args.index,
            "seed_tail": tail.to_hex(),
        }));
    }
    output::print(&format!("{tail}\n"))
}

fn export(global: &Global, args: &ExportArgs) -> Result<(), Failure> {
    let kind = args.role.into();
    let path = global.home().read_key(kind, &args.name)?.0;
    let pair = KeyFile::load(&path, kind, &args.password.source())?;
    output::note("Whoever sees this seed has the key.");
    let seed = zeroize::Zeroizing::new(hex::encode(pair.seed().as_slice()));
    let line = zeroize::Zeroizing::new(format!("0x{}\n", seed.as_str()));
    output::print(&line)
}

/// A key as it is shown.
struct Described {
    name: String,
    kind: KeyKind,
    address: String,
    public: String,
    peer_id: Option<String>,
    encrypted: bool,
    path: PathBuf,
}

impl Described {
    fn new(name: &str, path: &Path, file: &KeyFile) -> Result<Self, Failure> {
        let hotkey = Hotkey::from_hex(file.public_hex()).ok_or_else(|| {
            Failure::input(Code::KEY_WITHOUT_ADDRESS, "the key file has no public key")
        })?;
        Ok(Self {
            name: name.into(),
            kind: file.kind(),
            address: file.address().into(),
            public: format!("0x{}", file.public_hex()),
            peer_id: (file.kind() == KeyKind::Hotkey).then(|| peer_id(&hotkey).to_string()),
            encrypted: file.is_encrypted(),
            path: path.into(),
        })
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "role": self.kind.name(),
            "address": self.address,
            "public": self.public,
            "peer_id": self.peer_id,
            "encrypted": self.encrypted,
            "path": self.path,
        })
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{:10} {}\naddress    {}\npublic key {}\n",
            self.kind.name(),
            self.name,
            self.address,
            self.public
        );
        if let Some(peer_id) = &self.peer_id {
            let _ = writeln!(text, "peer id    {peer_id}");
        }
        let open = if self.encrypted { "" } else { " (unencrypted)" };
        let _ = writeln!(text, "file       {}{open}", self.path.display());
        text
    }
}

fn print_keys(global: &Global, keys: Vec<Described>) -> Result<(), Failure> {
    if global.json {
        let keys: Vec<Value> = keys.iter().map(Described::json).collect();
        return output::print_json(&json!({"schema": "ganglion/keys/1", "keys": keys}));
    }
    let texts: Vec<String> = keys.iter().map(Described::text).collect();
    output::print(&texts.join("\n"))
}
