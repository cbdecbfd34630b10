//! The parts of SARIF 2.1.0 that we use, as leniently as [`super::lenient`] takes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::lenient::{Flag, List, Maybe, Number, Text, Texts};

/// `sarifLog` (§3.13).
#[derive(Deserialize)]
pub(super) struct Log {
    #[serde(default)]
    pub(super) version: Text,
    #[serde(default)]
    pub(super) runs: List<Run>,
}

/// `run` (§3.14).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct Run {
    pub(super) tool: Maybe<Tool>,
    pub(super) results: List<Result>,
    pub(super) artifacts: List<Artifact>,
    pub(super) original_uri_base_ids: Maybe<BTreeMap<String, Maybe<ArtifactLocation>>>,
    pub(super) invocations: List<Invocation>,
    pub(super) external_property_file_references: Maybe<External>,
}

/// `externalPropertyFileReferences` (§3.15): results in other files.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct External {
    pub(super) results: List<ExternalFile>,
}

/// `externalPropertyFileReference` (§3.16).
#[derive(Deserialize)]
pub(super) struct ExternalFile {}

/// `tool` (§3.18).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Tool {
    pub(super) driver: Maybe<Component>,
    pub(super) extensions: List<Component>,
}

/// `toolComponent` (§3.19).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Component {
    pub(super) name: Text,
    pub(super) version: Text,
    pub(super) semantic_version: Text,
    pub(super) information_uri: Text,
    pub(super) rules: List<Descriptor>,
    pub(super) global_message_strings: Maybe<BTreeMap<String, Maybe<Message>>>,
}

/// `reportingDescriptor` (§3.49).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Descriptor {
    pub(super) id: Text,
    pub(super) name: Text,
    pub(super) short_description: Maybe<Message>,
    pub(super) full_description: Maybe<Message>,
    pub(super) help: Maybe<Message>,
    pub(super) help_uri: Text,
    pub(super) default_configuration: Maybe<Configuration>,
    pub(super) message_strings: Maybe<BTreeMap<String, Maybe<Message>>>,
    pub(super) properties: Maybe<Properties>,
}

/// `reportingConfiguration` (§3.50).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Configuration {
    pub(super) level: Text,
}

/// `message` (§3.11) and `multiformatMessageString` (§3.12).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Message {
    pub(super) text: Text,
    pub(super) markdown: Text,
    pub(super) id: Text,
    pub(super) arguments: Texts,
}

/// Properties of results and rules that a table of ours reads.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Properties {
    #[serde(rename = "security-severity")]
    pub(super) security_severity: Number,
    pub(super) tags: Texts,
    pub(super) issue_severity: Text,
    pub(super) issue_confidence: Text,
    #[serde(rename = "zizmor/severity")]
    pub(super) zizmor_severity: Text,
    #[serde(rename = "zizmor/confidence")]
    pub(super) zizmor_confidence: Text,
    pub(super) slipway: Maybe<Own>,
}

/// What our own files say of a result ([`super::super::write`]).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Own {
    pub(super) kind: Text,
    pub(super) severity: Text,
    pub(super) package: Maybe<OwnPackage>,
    pub(super) aliases: Texts,
    pub(super) line: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OwnPackage {
    pub(super) name: Text,
    pub(super) version: Text,
    pub(super) fixed: Text,
    pub(super) purl: Text,
}

/// `result` (§3.27).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Result {
    pub(super) rule_id: Text,
    pub(super) rule_index: Number,
    pub(super) rule: Maybe<RuleReference>,
    pub(super) level: Text,
    pub(super) kind: Text,
    pub(super) message: Maybe<Message>,
    pub(super) analysis_target: Maybe<ArtifactLocation>,
    pub(super) locations: List<Location>,
    pub(super) code_flows: List<CodeFlow>,
    pub(super) related_locations: List<Location>,
    pub(super) partial_fingerprints: Maybe<Fingerprints>,
    pub(super) suppressions: List<Suppression>,
    pub(super) baseline_state: Text,
    pub(super) properties: Maybe<Properties>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Fingerprints {
    pub(super) primary_location_line_hash: Text,
}

/// `reportingDescriptorReference` (§3.52).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RuleReference {
    pub(super) id: Text,
    pub(super) index: Number,
    pub(super) tool_component: Maybe<ComponentReference>,
}

/// `toolComponentReference` (§3.54).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ComponentReference {
    pub(super) name: Text,
    pub(super) index: Number,
}

/// `suppression` (§3.35).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Suppression {
    pub(super) kind: Text,
    pub(super) status: Text,
    pub(super) justification: Text,
}

/// `location` (§3.28).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
#[expect(
    clippy::struct_field_names,
    reason = "the standard's own name of the field"
)]
pub(super) struct Location {
    pub(super) id: Number,
    pub(super) physical_location: Maybe<PhysicalLocation>,
    pub(super) message: Maybe<Message>,
}

/// `physicalLocation` (§3.29).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PhysicalLocation {
    pub(super) artifact_location: Maybe<ArtifactLocation>,
    pub(super) region: Maybe<Region>,
}

/// `artifactLocation` (§3.4).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ArtifactLocation {
    pub(super) uri: Text,
    pub(super) uri_base_id: Text,
    pub(super) index: Number,
}

/// `artifact` (§3.24).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Artifact {
    pub(super) location: Maybe<ArtifactLocation>,
}

/// `region` (§3.30).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Region {
    pub(super) start_line: Number,
    pub(super) start_column: Number,
    pub(super) end_line: Number,
    pub(super) end_column: Number,
    pub(super) snippet: Maybe<Snippet>,
}

/// `artifactContent` (§3.3).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Snippet {
    pub(super) text: Text,
}

/// `codeFlow` (§3.36).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CodeFlow {
    pub(super) message: Maybe<Message>,
    pub(super) thread_flows: List<ThreadFlow>,
}

/// `threadFlow` (§3.37).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ThreadFlow {
    pub(super) message: Maybe<Message>,
    pub(super) locations: List<ThreadFlowLocation>,
}

/// `threadFlowLocation` (§3.38).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ThreadFlowLocation {
    pub(super) location: Maybe<Location>,
    pub(super) importance: Text,
    pub(super) nesting_level: Number,
}

/// `invocation` (§3.20).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Invocation {
    pub(super) execution_successful: Flag,
    pub(super) exit_code: Number,
    pub(super) exit_code_description: Text,
    pub(super) tool_execution_notifications: List<Notification>,
    pub(super) tool_configuration_notifications: List<Notification>,
}

/// `notification` (§3.58).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Notification {
    pub(super) level: Text,
    pub(super) message: Maybe<Message>,
    pub(super) locations: List<Location>,
}
