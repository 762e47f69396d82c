//! `assets`, `inlets` and `outlets`: what a file says of assets, and the texts by which it names them.

use indexmap::IndexMap;

use super::keys;
use super::node::{Key, Mapping, Node, Value};
use super::problems::{Problems, did_you_mean};
use super::read;
use crate::asset::{Asset, AssetCondition, Column, Layer, check_uri};
use crate::duration::Duration;

/// Deeper nesting is a mistake; what reads the condition again later has bounds of its own.
const MAX_DEPTH: usize = 20;

/// The assets that a file describes.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    assets: Vec<Asset>,
}

impl Catalogue {
    /// Reads the value of the DAG's `assets`.
    pub(super) fn describe(&mut self, node: &Node, problems: &mut Problems) {
        for item in read::list(node, "assets", problems) {
            match &item.value {
                Value::Mapping(entries) => {
                    if let Some(asset) = description(entries, item, problems) {
                        self.add(asset, item, problems);
                    }
                }
                _ => problems.wrong_kind(item, "assets", "a list of mappings with `uri`"),
            }
        }
    }

    /// What the file describes, in its order.
    pub(super) fn into_assets(self) -> Vec<Asset> {
        self.assets
    }

    fn add(&mut self, asset: Asset, node: &Node, problems: &mut Problems) {
        // The same description comes again where `default_args` has it.
        if self.assets.contains(&asset) {
            return;
        }
        for known in &self.assets {
            if known.uri == asset.uri {
                return problems.error(node.at, format!("the asset `{}` is described twice", asset.uri));
            }
            for name in [&asset.name, &asset.uri] {
                if *name == known.name || *name == known.uri {
                    return problems.error(node.at, format!("`{name}` stands for two assets"));
                }
            }
        }
        self.assets.push(asset);
    }

    /// The URI of an asset that is named by its URI or its name, or described on the spot.
    pub(super) fn reference(&mut self, node: &Node, what: &str, problems: &mut Problems) -> Option<String> {
        if let Value::Mapping(entries) = &node.value {
            let asset = description(entries, node, problems)?;
            let uri = asset.uri.clone();
            self.add(asset, node, problems);
            return Some(uri);
        }
        let text = read::text(node, what, problems)?;
        if let Some(named) = self.assets.iter().find(|asset| asset.name == text) {
            return Some(named.uri.clone());
        }
        match check_uri(&text) {
            Ok(()) => Some(text),
            Err(error) => {
                problems.error(node.at, error.to_string());
                None
            }
        }
    }

    /// One asset or a list of them, each once.
    pub(super) fn references(&mut self, node: &Node, what: &str, problems: &mut Problems) -> Vec<String> {
        let items = if let Value::List(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
        let mut uris: Vec<String> = Vec::new();
        for item in items {
            let Some(uri) = self.reference(item, what, problems) else { continue };
            if uris.contains(&uri) {
                problems.error(item.at, format!("`{uri}` is in `{what}` twice"));
            } else {
                uris.push(uri);
            }
        }
        uris
    }

    /// What a schedule waits for: an asset, a list of which all are needed, or `any` and `all` of such.
    pub(super) fn condition(&mut self, node: &Node, problems: &mut Problems) -> Option<AssetCondition> {
        self.nested_condition(node, MAX_DEPTH, problems)
    }

    fn nested_condition(&mut self, node: &Node, depth: usize, problems: &mut Problems) -> Option<AssetCondition> {
        if depth == 0 {
            problems.error(node.at, format!("the condition is nested deeper than {MAX_DEPTH} levels"));
            return None;
        }
        let (parts, build): (&Node, fn(Vec<AssetCondition>) -> AssetCondition) = match &node.value {
            Value::List(_) => (node, AssetCondition::All),
            Value::Mapping(entries) => match operator(entries) {
                Some((key, _)) if entries.len() > 1 => {
                    let message = format!("`{}` stands by itself; nest conditions in its list", key.name);
                    problems.error(key.at, message);
                    return None;
                }
                Some((key, parts)) if key.name == "any" => (parts, AssetCondition::Any),
                Some((_, parts)) => (parts, AssetCondition::All),
                None => return self.reference(node, "schedule.assets", problems).map(AssetCondition::Asset),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
                return self.reference(node, "schedule.assets", problems).map(AssetCondition::Asset);
            }
        };
        let items = read::list(parts, "schedule.assets", problems);
        if let Value::List(items) = &parts.value
            && items.is_empty()
        {
            problems.error(parts.at, "a schedule over assets needs at least one asset");
        }
        let read: Vec<Option<AssetCondition>> =
            items.iter().map(|item| self.nested_condition(item, depth - 1, problems)).collect();
        let whole: Vec<AssetCondition> = read.into_iter().collect::<Option<_>>()?;
        (!whole.is_empty()).then(|| build(whole))
    }
}

/// `any` or `all`, when a mapping has one: it is a condition, not an asset.
fn operator(entries: &Mapping) -> Option<&(Key, Node)> {
    entries.iter().find(|(key, _)| matches!(key.name.as_str(), "any" | "all"))
}

fn description(entries: &Mapping, node: &Node, problems: &mut Problems) -> Option<Asset> {
    let mut asset = Asset::new(String::new());
    let (mut uri, mut name) = (None, None);
    for (key, node) in entries {
        if !read::is_to_be_read(key, node, keys::ASSET, "an asset", problems) {
            continue;
        }
        match key.name.as_str() {
            "uri" => uri = read::text(node, "uri", problems).map(|text| (text, node)),
            "name" => name = read::text(node, "name", problems).map(|text| (text, node)),
            "group" => asset.group = read::text(node, "group", problems).unwrap_or(asset.group),
            "owner" => asset.owner = read::text(node, "owner", problems),
            "description" => asset.description = read::text(node, "description", problems),
            "layer" => asset.layer = layer(node, problems),
            "schema" => asset.schema = schema(node, problems),
            "fresh_within" => {
                asset.fresh_within = read::duration(node, "fresh_within", problems);
                if asset.fresh_within.is_some_and(Duration::is_zero) {
                    problems.error(node.at, "`fresh_within` must be longer than nothing");
                }
            }
            _ => {}
        }
    }
    // As in Airflow, each stands for the other where one is left out.
    let Some((text, at)) = uri.clone().or_else(|| name.clone()) else {
        problems.error(node.at, "an asset needs a `uri`");
        return None;
    };
    for (text, node) in [Some((text.clone(), at)), name.clone()].into_iter().flatten() {
        if let Err(error) = check_uri(&text) {
            problems.error(node.at, error.to_string());
            return None;
        }
    }
    asset.name = name.map_or_else(|| text.clone(), |(name, _)| name);
    asset.uri = text;
    Some(asset)
}

fn layer(node: &Node, problems: &mut Problems) -> Option<Layer> {
    let text = read::text(node, "layer", problems)?;
    let found = Layer::ALL.into_iter().find(|layer| layer.as_str() == text);
    if found.is_none() {
        let words = Layer::ALL.map(Layer::as_str);
        let help = did_you_mean(&text, words.into_iter());
        problems.error_with_help(node.at, format!("`{text}` is not a layer ({})", words.join(", ")), help);
    }
    found
}

/// Columns: a mapping with `type` and more, or the type alone.
fn schema(node: &Node, problems: &mut Problems) -> IndexMap<String, Column> {
    let mut columns = IndexMap::new();
    for (key, node) in read::mapping(node, "schema", problems).into_iter().flatten() {
        let mut column = Column::default();
        let place = format!("schema.{}", key.name);
        if let Value::Mapping(entries) = &node.value {
            for (key, node) in entries {
                if !read::is_to_be_read(key, node, keys::COLUMN, "a column", problems) {
                    continue;
                }
                match key.name.as_str() {
                    "type" => column.kind = read::text(node, &format!("{place}.type"), problems),
                    "description" => column.description = read::text(node, &format!("{place}.description"), problems),
                    "key" => column.key = read::flag(node, &format!("{place}.key"), problems).unwrap_or(false),
                    "default" => column.default = Some(node.to_json()),
                    _ => {}
                }
            }
        } else {
            column.kind = read::text(node, &place, problems);
        }
        columns.insert(key.name.clone(), column);
    }
    columns
}
