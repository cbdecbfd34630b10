//! The rule behind a result: by id, by index, in the driver or in an extension.

use std::collections::HashMap;

use super::model::{Component, Descriptor, Message, Result, Tool};
use crate::security_scan::finding::Rule;

/// All rules of a run's tool.
pub(super) struct Rules<'a> {
    tool: Option<&'a Tool>,
    by_id: HashMap<&'a str, &'a Descriptor>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(tool: Option<&'a Tool>) -> Self {
        let mut by_id = HashMap::new();
        let components = tool.into_iter().flat_map(|tool| {
            let driver = tool.driver.0.as_deref().into_iter();
            driver.chain(tool.extensions.iter())
        });
        for rule in components.flat_map(|component| component.rules.iter()) {
            if let Some(id) = rule.id.filled() {
                by_id.entry(id).or_insert(rule);
            }
        }
        Self { tool, by_id }
    }

    /// The id of a result's rule, and the rule where the run describes it.
    pub(super) fn of(&self, result: &'a Result) -> (String, Option<&'a Descriptor>) {
        let reference = result.rule.0.as_deref();
        let id = result
            .rule_id
            .filled()
            .or_else(|| reference.and_then(|reference| reference.id.filled()));
        let rule = id
            .and_then(|id| self.by_id(id))
            .or_else(|| self.by_index(result));
        let id = id.or_else(|| rule.and_then(|rule| rule.id.filled()));
        (id.unwrap_or("unnamed-rule").to_owned(), rule)
    }

    /// `CA1000/1` is a part of rule `CA1000` (§3.27.5).
    fn by_id(&self, id: &str) -> Option<&'a Descriptor> {
        let parents = id.rmatch_indices('/').map(|(slash, _)| &id[..slash]);
        std::iter::once(id)
            .chain(parents)
            .find_map(|id| self.by_id.get(id).copied())
    }

    fn by_index(&self, result: &Result) -> Option<&'a Descriptor> {
        let tool = self.tool?;
        let reference = result.rule.0.as_deref();
        let component = reference
            .and_then(|reference| reference.tool_component.0.as_deref())
            .and_then(|component| {
                tool.extensions.at(component.index.index()).or_else(|| {
                    let name = component.name.filled()?;
                    tool.extensions
                        .iter()
                        .find(|extension| extension.name.get() == Some(name))
                })
            })
            .or(tool.driver.0.as_deref())?;
        let index = reference.and_then(|reference| reference.index.index());
        component
            .rules
            .at(index.or_else(|| result.rule_index.index()))
    }
}

/// A text for people: plain, or Markdown where there is nothing else.
pub(super) fn text_of(message: Option<&Message>) -> Option<String> {
    let message = message?;
    message
        .text
        .filled()
        .or_else(|| message.markdown.filled())
        .map(|text| text.trim().to_owned())
}

/// A result's message; one that only names its text (§3.11.7) is looked up.
pub(super) fn message(
    message: Option<&Message>,
    rule: Option<&Descriptor>,
    driver: Option<&Component>,
) -> Option<String> {
    let message = message?;
    if let Some(text) = text_of(Some(message)) {
        return Some(text);
    }
    let id = message.id.filled()?;
    let template = rule
        .and_then(|rule| rule.message_strings.0.as_deref())
        .and_then(|strings| strings.get(id))
        .or_else(|| driver?.global_message_strings.0.as_deref()?.get(id))?;
    let template = text_of(template.0.as_deref())?;
    Some(fill(&template, &message.arguments.0))
}

/// Puts arguments into `{0}`, `{1}`, …; `{{` and `}}` stand for braces (§3.11.5).
fn fill(template: &str, arguments: &[String]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(brace) = rest.find(['{', '}']) {
        text.push_str(&rest[..brace]);
        let from = &rest[brace..];
        rest = if let Some(after) = from.strip_prefix("{{") {
            text.push('{');
            after
        } else if let Some(after) = from.strip_prefix("}}") {
            text.push('}');
            after
        } else if let Some((argument, after)) = placeholder(from, arguments) {
            text.push_str(argument);
            after
        } else {
            text.push_str(&from[..1]);
            &from[1..]
        };
    }
    text + rest
}

fn placeholder<'a>(from: &'a str, arguments: &'a [String]) -> Option<(&'a str, &'a str)> {
    let (number, after) = from.strip_prefix('{')?.split_once('}')?;
    let argument = arguments.get(number.parse::<usize>().ok()?)?;
    Some((argument, after))
}

/// A rule in our shape.
pub(super) fn rule(id: &str, descriptor: Option<&Descriptor>) -> Rule {
    let Some(descriptor) = descriptor else {
        return Rule {
            id: id.to_owned(),
            ..Rule::default()
        };
    };
    let help = descriptor.help.0.as_deref();
    let tags = descriptor
        .properties
        .0
        .as_deref()
        .map(|it| it.tags.0.clone());
    Rule {
        id: id.to_owned(),
        name: descriptor.name.filled().map(str::to_owned),
        short_description: text_of(descriptor.short_description.0.as_deref()),
        full_description: text_of(descriptor.full_description.0.as_deref()),
        help: help
            .and_then(|help| help.markdown.filled().map(str::to_owned))
            .or_else(|| text_of(help)),
        help_uri: descriptor.help_uri.filled().map(str::to_owned),
        tags: tags.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_fill_their_places() {
        let arguments = ["x".to_owned(), "{0}".to_owned()];
        for (template, text) in [
            ("'{0}' and {1}", "'x' and {0}"),
            ("{{0}} {2} {", "{0} {2} {"),
            ("ü{0}ü}", "üxü}"),
            ("", ""),
        ] {
            assert_eq!(fill(template, &arguments), text);
        }
    }

    #[test]
    fn rules_are_found_by_id_index_and_extension() {
        let tool: Tool = serde_json::from_value(json!({
            "driver": {"rules": [{"id": "A"}, null, {"id": "B", "name": "b"}]},
            "extensions": [{"name": "pack", "rules": [{"id": "E"}]}],
        }))
        .unwrap();
        let rules = Rules::new(Some(&tool));
        for (result, id, described) in [
            (json!({"ruleId": "A"}), "A", true),
            (json!({"ruleId": "A/sub/1"}), "A/sub/1", true),
            (json!({"ruleId": "E"}), "E", true),
            (json!({"ruleId": "Z"}), "Z", false),
            (json!({"ruleId": "Z", "ruleIndex": 99}), "Z", false),
            (json!({"ruleIndex": 2}), "B", true),
            (json!({"ruleIndex": "2"}), "B", true),
            (json!({"ruleIndex": -1}), "unnamed-rule", false),
            (json!({"ruleIndex": 1}), "unnamed-rule", false),
            (
                json!({"rule": {"index": 0, "toolComponent": {"index": 0}}}),
                "E",
                true,
            ),
            (
                json!({"rule": {"index": 0, "toolComponent": {"name": "pack"}}}),
                "E",
                true,
            ),
            (json!({"rule": {"id": "B"}}), "B", true),
            (json!({}), "unnamed-rule", false),
        ] {
            let parsed: Result = serde_json::from_value(result.clone()).unwrap();
            let (found, rule) = rules.of(&parsed);
            assert_eq!(
                (found.as_str(), rule.is_some()),
                (id, described),
                "{result}"
            );
        }
    }
}
