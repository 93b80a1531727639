//! `[[assert]]`: what a testnet's file says about how its run has to end.
//!
//! Here they are read and checked against the nodes there are; [`super::measure`] finds the figures.

use std::fmt;

use toml_edit::Value;

use super::behaviour::Behaviour;
use super::measure::{Metric, Scope};
use super::spec::{NodeSpec, Role, did_you_mean, field};
use crate::document::{Field, Found, Notes, Section, nearest, take};

/// More would be a mistake.
const ASSERTIONS_MAX: usize = 200;

/// One claim about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    /// Unique.
    pub name: String,
    /// What is measured.
    pub metric: Metric,
    /// Of whom, and how their figures become one.
    pub subject: Subject,
    /// How it compares.
    pub comparison: Comparison,
    /// With what.
    pub against: Against,
    /// Over which epochs.
    pub epochs: Epochs,
    /// Where it stands in the file.
    pub line: usize,
}

/// Whose figures, and what is made of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Only of this role.
    pub role: Option<Role>,
    /// Only this node.
    pub node: Option<String>,
    /// Only those that behave so.
    pub behaviour: Option<String>,
    /// Only those that run this model.
    pub model: Option<String>,
    /// What is made of several figures.
    pub of: Of,
}

impl Subject {
    /// Whether a node is meant.
    #[must_use]
    pub fn selects(&self, name: &str, role: Role, behaviour: Behaviour, model: &str) -> bool {
        let word = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|it| it == is);
        self.role.is_none_or(|wanted| wanted == role)
            && word(&self.node, name)
            && word(&self.behaviour, behaviour.name())
            && word(&self.model, model)
    }

    fn is_everybody(&self) -> bool {
        Self { of: Of::Mean, ..self.clone() } == Self::default()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.node.as_deref(),
            self.behaviour.as_deref(),
            self.model.as_deref(),
            self.role.map(Role::name),
        ];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        match (self.of, self.is_everybody()) {
            (Of::Mean, true) => f.write_str("all"),
            (Of::Mean, false) => f.write_str(&words.join(" ")),
            (of, true) => f.write_str(of.name()),
            (of, false) => write!(f, "{} {}", of.name(), words.join(" ")),
        }
    }
}

/// What is made of several figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Of {
    /// Their mean.
    #[default]
    Mean,
    /// Every one has to hold.
    Each,
    /// One has to hold.
    Any,
    /// Their sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl Of {
    const ALL: [Self; 6] = [Self::Mean, Self::Each, Self::Any, Self::Sum, Self::Min, Self::Max];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Each => "each",
            Self::Any => "any",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// How a figure compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
    /// `==`, to a billionth.
    Equal,
}

impl Comparison {
    const ALL: [Self; 5] = [Self::AtLeast, Self::AtMost, Self::Above, Self::Below, Self::Equal];

    /// The sign for it.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::Below => "<",
            Self::Equal => "==",
        }
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(self, figure: f64, against: f64) -> bool {
        match self {
            Self::AtLeast => figure >= against,
            Self::AtMost => figure <= against,
            Self::Above => figure > against,
            Self::Below => figure < against,
            Self::Equal => self.distance(figure, against) <= 1e-9 * against.abs().max(1.0),
        }
    }

    /// How far a figure is from holding best: of several the largest is the worst.
    #[must_use]
    pub fn distance(self, figure: f64, against: f64) -> f64 {
        match self {
            Self::AtLeast | Self::Above => against - figure,
            Self::AtMost | Self::Below => figure - against,
            Self::Equal => (figure - against).abs(),
        }
    }
}

/// What a figure is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Against {
    /// A number.
    Number(f64),
    /// The same metric of others, times a factor.
    Other {
        /// Of whom.
        subject: Subject,
        /// Times this.
        factor: f64,
    },
}

/// Which epochs of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Epochs {
    /// Every one.
    #[default]
    All,
    /// The last one.
    Last,
    /// From one to another, both in it.
    Range(u64, u64),
}

impl Epochs {
    /// First and last epoch in a run of `wanted` epochs.
    #[must_use]
    pub const fn of(self, wanted: u64) -> (u64, u64) {
        match self {
            Self::All => (1, wanted),
            Self::Last => (wanted, wanted),
            Self::Range(first, last) => (first, last),
        }
    }

    /// The fewest epochs that a run needs for it.
    #[must_use]
    pub const fn needs(self) -> u64 {
        match self {
            Self::All | Self::Last => 1,
            Self::Range(_, last) => last,
        }
    }
}

const NAME: Field = field!("name", "text", "1 to 80 characters", "", "What is claimed.");
const METRIC: Field = field!("metric", "word", "a metric of docs/TESTNET.md", "", "The figure.");
const ROLE: Field =
    field!("role", "word", "bootnode, validator, miner or observer", "", "Only nodes of a role.");
const NODE: Field = field!("node", "word", "the name of a node", "", "Only this node.");
const BEHAVIOUR: Field =
    field!("behaviour", "word", "a behaviour of some node", "", "Only nodes that behave so.");
const MODEL: Field = field!("model", "text", "the model of some miner", "", "Only its miners.");
const OF: Field =
    field!("of", "word", "mean, each, any, sum, min or max", "\"mean\"", "Of several figures.");
const COMPARISON: Field =
    field!("comparison", "sign in quotes", ">=, <=, >, < or ==", "", "How it has to compare.");
const AGAINST: Field = field!(
    "against",
    "a number, or a table such as { behaviour = \"honest\", factor = 0.9 }",
    "any",
    "",
    "With what it is compared."
);
const FACTOR: Field = field!("factor", "number", "any", "1.0", "Times this.");
const EPOCHS: Field =
    field!("epochs", "text", "\"all\", \"last\" or \"5..30\"", "\"all\"", "Over which epochs.");

/// Reads every `[[assert]]`; whether somebody is meant is checked once all nodes are known.
pub fn read_all(notes: &mut Notes, root: &mut Section<'_>) -> Vec<Assertion> {
    let mut all = Vec::new();
    for (index, (_, table)) in root.tables(notes, "assert").into_iter().enumerate() {
        all.extend(read_one(notes, table, index));
    }
    for (index, one) in all.iter().enumerate() {
        if all.iter().take(index).any(|earlier: &Assertion| earlier.name == one.name) {
            let rule = format!("{:?} is the name of another assertion too", one.name);
            notes.problem(one.line, "assert", None, rule, "Choose another.".into());
        }
    }
    if all.len() > ASSERTIONS_MAX {
        let rule = format!("there are {}, more than {ASSERTIONS_MAX}", all.len());
        notes.broken("assert", rule, "Put some into a file of their own.".into());
    }
    all
}

fn read_one(notes: &mut Notes, mut table: Section<'_>, index: usize) -> Option<Assertion> {
    let line = notes.line_of(&format!("assert[{index}]"));
    let name = table.require(notes, &NAME, |found| {
        let name = take::text(found)?;
        let fits = !name.trim().is_empty() && name.chars().count() <= 80;
        if fits && !name.chars().any(char::is_control) {
            Ok(name)
        } else {
            Err("must be 1 to 80 characters of text".into())
        }
    });
    let metric = table.require(notes, &METRIC, read_metric);
    let comparison = table.require(notes, &COMPARISON, |found| {
        let sign = take::text(found)?;
        let known = Comparison::ALL.into_iter().find(|one| one.sign() == sign);
        known.ok_or_else(|| "must be >=, <=, >, < or ==".to_owned())
    });
    let subject = read_subject(notes, &mut table, metric);
    let against = if table.holds_table("against") {
        let mut other = table.table(notes, "against");
        let subject = read_subject(notes, &mut other, metric);
        let factor = other.read(notes, &FACTOR, read_number).unwrap_or(1.0);
        other.finish(notes);
        let at = format!("assert[{index}].against");
        if subject.is_everybody() {
            let rule = "names nobody to compare with".to_owned();
            let cure = "Add role, node, behaviour or model, or write a number.".to_owned();
            notes.broken(&at, rule, cure);
        }
        if matches!(subject.of, Of::Each | Of::Any) {
            let rule = "has to be one figure".to_owned();
            notes.broken(&format!("{at}.of"), rule, "Use mean, sum, min or max.".into());
        }
        Some(Against::Other { subject, factor })
    } else {
        table.require(notes, &AGAINST, read_number).map(Against::Number)
    };
    let epochs = table.read(notes, &EPOCHS, read_epochs).unwrap_or_default();
    table.finish(notes);
    let (name, metric) = name.zip(metric)?;
    let (comparison, against) = comparison.zip(against)?;
    Some(Assertion { name, metric, subject, comparison, against, epochs, line })
}

fn read_metric(found: &Found<'_>) -> Result<Metric, String> {
    let word = take::text(found)?;
    let known = Metric::ALL.into_iter().find(|one| one.name() == word);
    known.ok_or_else(|| {
        let names = || Metric::ALL.into_iter().map(Metric::name);
        match nearest(&word, names()) {
            Some(meant) => format!("is no metric; did you mean {meant}?"),
            None => format!("is no metric; there are {}", names().collect::<Vec<_>>().join(", ")),
        }
    })
}

fn read_subject(notes: &mut Notes, table: &mut Section<'_>, metric: Option<Metric>) -> Subject {
    let role = table.read(notes, &ROLE, Role::take);
    let node = table.read(notes, &NODE, take::text);
    let behaviour = table.read(notes, &BEHAVIOUR, |found| {
        let word = take::text(found)?;
        let rule = || format!("must be one of {}", Behaviour::names());
        Behaviour::named(&word).map(|_| word).ok_or_else(rule)
    });
    let model = table.read(notes, &MODEL, take::text);
    let of = table.read(notes, &OF, |found| {
        let word = take::text(found)?;
        let known = Of::ALL.into_iter().find(|one| one.name() == word);
        known.ok_or_else(|| "must be mean, each, any, sum, min or max".to_owned())
    });
    let of = of.unwrap_or_else(|| metric.map_or(Of::Mean, Metric::usual_of));
    Subject { role, node, behaviour, model, of }
}

fn read_number(found: &Found<'_>) -> Result<f64, String> {
    let number = match found.as_value() {
        Some(Value::Float(number)) => Some(*number.value()),
        Some(Value::Integer(number)) => i32::try_from(*number.value()).ok().map(f64::from),
        _ => None,
    };
    number.filter(|number| number.is_finite()).ok_or_else(|| "must be a number".into())
}

fn read_epochs(found: &Found<'_>) -> Result<Epochs, String> {
    let rule = || "must be \"all\", \"last\" or a range such as \"5..30\"".to_owned();
    let text = take::text(found)?;
    match text.as_str() {
        "all" => Ok(Epochs::All),
        "last" => Ok(Epochs::Last),
        range => {
            let (first, last) = range.split_once("..").ok_or_else(rule)?;
            let (first, last) =
                first.trim().parse().ok().zip(last.trim().parse().ok()).ok_or_else(rule)?;
            if first == 0 || last < first {
                return Err("must begin with epoch 1 or later, and end no earlier".into());
            }
            Ok(Epochs::Range(first, last))
        }
    }
}

/// Checks that every assertion means somebody that has such a figure.
pub fn check(notes: &mut Notes, assertions: &[Assertion], nodes: &[NodeSpec]) {
    for one in assertions {
        check_subject(notes, one, &one.subject, "", nodes);
        if let Against::Other { subject, .. } = &one.against {
            check_subject(notes, one, subject, "against.", nodes);
        }
    }
}

fn check_subject(
    notes: &mut Notes,
    one: &Assertion,
    subject: &Subject,
    at: &str,
    nodes: &[NodeSpec],
) {
    let mut wrong = |key: &str, rule: String, cure: String| {
        notes.problem(one.line, &format!("assert {:?}: {at}{key}", one.name), None, rule, cure);
    };
    let scope = one.metric.scope();
    if scope == Scope::Subnet {
        if !subject.is_everybody() {
            let rule = format!("{} is a figure of the whole subnet", one.metric.name());
            wrong("metric", rule, "Remove role, node, behaviour and model.".into());
        }
        return;
    }
    let names = || nodes.iter().map(|node| node.name.as_str());
    if let Some(name) = subject.node.as_deref().filter(|name| !names().any(|one| one == *name)) {
        return wrong("node", format!("there is no node {name:?}"), did_you_mean(name, names()));
    }
    let models =
        || nodes.iter().filter_map(|node| node.model.as_ref().map(super::spec::Model::name));
    if let Some(model) = subject.model.as_deref().filter(|model| !models().any(|one| one == *model))
    {
        let known: Vec<String> = models().collect();
        let cure = did_you_mean(model, known.iter().map(String::as_str));
        return wrong("model", format!("no miner runs {model:?}"), cure);
    }
    let is_meant = |node: &&NodeSpec| {
        let model = node.model.as_ref().map(super::spec::Model::name).unwrap_or_default();
        subject.selects(&node.name, node.role, node.behaviour, &model)
    };
    let meant: Vec<&NodeSpec> = nodes.iter().filter(is_meant).collect();
    if meant.is_empty() {
        let rule = format!("there is no node that is {subject}");
        wrong("behaviour", rule, "Add such a node, or name another.".into());
    } else if !meant.iter().any(|node| scope.includes(node.role)) {
        let rule = format!("{} is a figure of {}", one.metric.name(), scope.name());
        let what = meant.first().map_or("", |node| node.role.name());
        wrong("metric", rule, format!("Name those; this means a {what}."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Curable as _;
    use crate::testnet::spec::{Flags, Spec};

    fn parse(body: &str) -> Result<Vec<Assertion>, Vec<String>> {
        let text = format!("[[assert]]\n{body}");
        match Spec::parse("t.toml", &text, &Flags::default()) {
            Ok(spec) => Ok(spec.assertions),
            Err(error) => Err(error
                .each()
                .into_iter()
                .map(|one| format!("{} | {}", one.sentence, one.cure))
                .collect()),
        }
    }

    #[test]
    fn an_assertion_says_what_of_whom_compares_how_with_what() {
        let all = parse(
            "name = \"a\"\nmetric = \"incentive\"\nrole = \"miner\"\nmodel = \"digits-mlp\"\n\
             of = \"min\"\ncomparison = \">=\"\nepochs = \"5..8\"\n\
             against = { model = \"digits-knn\", of = \"max\", factor = 0.5 }\n\
             [[assert]]\nname = \"b\"\nmetric = \"agreement\"\ncomparison = \"==\"\nagainst = 1\n",
        )
        .unwrap();
        let model = |name: &str, of| Subject { model: Some(name.into()), of, ..Subject::default() };
        assert_eq!(
            all,
            [
                Assertion {
                    name: "a".into(),
                    metric: Metric::Incentive,
                    subject: Subject { role: Some(Role::Miner), ..model("digits-mlp", Of::Min) },
                    comparison: Comparison::AtLeast,
                    against: Against::Other { subject: model("digits-knn", Of::Max), factor: 0.5 },
                    epochs: Epochs::Range(5, 8),
                    line: 1,
                },
                Assertion {
                    name: "b".into(),
                    metric: Metric::Agreement,
                    subject: Subject { of: Of::Min, ..Subject::default() },
                    comparison: Comparison::Equal,
                    against: Against::Number(1.0),
                    epochs: Epochs::All,
                    line: 10,
                },
            ]
        );
        assert_eq!(all[0].subject.to_string(), "min digits-mlp miner");
    }

    #[test]
    fn what_cannot_be_measured_is_refused_with_line_rule_and_cure() {
        let with = |more: &str| {
            format!(
                "name = \"a\"\nmetric = \"incentive\"\ncomparison = \">\"\nagainst = 0\n{more}\n"
            )
        };
        let of = |metric: &str, more: &str| {
            format!("name = \"a\"\nmetric = {metric}\ncomparison = \">\"\nagainst = 0\n{more}\n")
        };
        for (body, parts) in [
            (of("\"incentives\"", ""), ["t.toml:3: assert[0].metric", "did you mean incentive?"]),
            (of("\"speed\"", ""), ["is no metric; there are incentive, dividends", "docs/TESTNET.md"]),
            (with("node = \"miner-9\""), ["t.toml:1: assert \"a\": node: there is no node", "Did you mean miner-"]),
            (with("model = \"digits-kn\""), ["no miner runs \"digits-kn\"", "Did you mean digits-knn?"]),
            (with("behaviour = \"copier\""), ["there is no node that is copier", "Add such a node"]),
            (with("behaviour = \"thief\""), ["t.toml:6: assert[0].behaviour", "must be one of honest, copier"]),
            (with("role = \"validator\""), ["incentive is a figure of miners", "this means a validator"]),
            (of("\"rounds\"", "role = \"miner\""), ["rounds is a figure of the whole subnet", "Remove"]),
            (with("epochs = \"5-9\""), ["t.toml:6: assert[0].epochs", "\"5..30\""]),
            (with("epochs = \"0..9\""), ["must begin with epoch 1", "\"all\""]),
            (with("of = \"most\""), ["must be mean, each", "\"mean\""]),
            (with("treshold = 1"), ["assert[0].treshold: is no field", "Remove it"]),
            (
                "name = \"a\"\nmetric = \"paid\"\ncomparison = \"=>\"\nagainst = {}\n".into(),
                ["t.toml:4: assert[0].comparison", ">=, <=, >, < or =="],
            ),
            (
                "name = \"a\"\nmetric = \"paid\"\ncomparison = \">=\"\nagainst = {}\n".into(),
                ["assert[0].against = {}: names nobody", "write a number"],
            ),
            (
                "name = \"a\"\nmetric = \"paid\"\ncomparison = \">=\"\nagainst = { node = \"x\" }\n".into(),
                ["assert \"a\": against.node: there is no node \"x\"", "There are bootnode"],
            ),
            ("name = \"a\"\ncomparison = \">=\"\nagainst = 1\n".into(), ["t.toml:1: assert[0].metric: is missing", "metric"]),
            (
                "name = \"a\"\nmetric = \"paid\"\ncomparison = \">=\"\nagainst = \"1\"\n".into(),
                ["t.toml:5: assert[0].against = \"1\": must be a number", "a number, or a table"],
            ),
        ] {
            let problems = parse(&body).unwrap_err();
            assert!(
                problems.iter().any(|one| parts.iter().all(|part| one.contains(part))),
                "{problems:#?} lack {parts:?}"
            );
        }
    }

    #[test]
    fn two_assertions_of_one_name_are_refused() {
        let one = "name = \"a\"\nmetric = \"paid\"\ncomparison = \">=\"\nagainst = 0\n";
        let problems = parse(&format!("{one}[[assert]]\n{one}")).unwrap_err();
        assert!(problems[0].starts_with("t.toml:6: assert: \"a\" is the name"), "{problems:?}");
    }

    #[test]
    fn comparisons_are_strict_where_they_say_so() {
        for (comparison, below, equal, above) in [
            (Comparison::AtLeast, false, true, true),
            (Comparison::AtMost, true, true, false),
            (Comparison::Above, false, false, true),
            (Comparison::Below, true, false, false),
            (Comparison::Equal, false, true, false),
        ] {
            let held = [1.9, 2.0, 2.1].map(|figure| comparison.holds(figure, 2.0));
            assert_eq!(held, [below, equal, above], "{}", comparison.sign());
        }
    }
}
