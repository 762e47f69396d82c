//! Airflow's context as objects that are looked up when a template asks for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Serde, Value, from_args};
use minijinja::{Error, State};

use super::delta::Delta;
use super::language::{no_method, wrong};
use super::macros::Macros;
use super::moment::Moment;
use super::secrets::Missing;
use super::{Fetched, Need, PreviousSuccess, Scope, events, names};
use crate::dag::{Dag, Task};
use crate::dag_run::DagRunFacts;
use crate::duration::Duration;
use crate::mapping::{Elements, Mapped, seen};
use crate::nearest::did_you_mean;
use crate::xcom::RETURN_VALUE;

/// What all parts of a context share.
#[derive(Debug)]
pub(super) struct Facts {
    dag: Arc<Dag>,
    task: Arc<Task>,
    dag_run: Arc<DagRunFacts>,
    try_number: u32,
    max_tries: u32,
    map_index: i32,
    mapped: Option<Arc<Mapped>>,
    pub(super) fetched: Arc<Fetched>,
    /// XComs that were asked for, as values of the language.
    xcoms: Mutex<HashMap<(String, String), Value>>,
    needs: Mutex<Vec<Need>>,
    /// Events of inlets that were asked for.
    inlet_events: Mutex<HashMap<String, Value>>,
    triggering_asset_events: OnceLock<Value>,
    /// Variables and connections that were asked for and are not there, in words.
    pub(super) missing: Mutex<Vec<Missing>>,
    /// Made once, because a loop may ask for them thousands of times.
    params: OnceLock<Value>,
    conf: OnceLock<Value>,
    task_ids: OnceLock<Value>,
    map: OnceLock<Value>,
    /// Names beside those of the context.
    more: HashMap<String, Value>,
}

/// A part of the context.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) facts: Arc<Facts>,
    pub(super) part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Root,
    Dag,
    Task,
    TaskInstance,
    DagRun,
    InletEvents,
    XCom,
    XComPull,
    Variables,
    VariableValues,
    VariableJson,
    Connections,
}

/// Stands for a value that has not been fetched: the template goes on with it as far as it can, so that one round
/// finds out most of what it needs. What it comes to is thrown away.
#[derive(Debug)]
struct Pending;

impl Context {
    pub(super) fn new(scope: &Scope<'_>, more: &serde_json::Map<String, serde_json::Value>) -> Self {
        let facts = Facts {
            dag: scope.dag.clone(),
            task: scope.task.clone(),
            dag_run: scope.dag_run.clone(),
            try_number: scope.try_number,
            max_tries: scope.max_tries,
            map_index: scope.map_index,
            mapped: scope.mapped.cloned(),
            fetched: scope.fetched.clone(),
            xcoms: Mutex::default(),
            needs: Mutex::default(),
            inlet_events: Mutex::default(),
            triggering_asset_events: OnceLock::new(),
            missing: Mutex::default(),
            params: OnceLock::new(),
            conf: OnceLock::new(),
            task_ids: OnceLock::new(),
            map: OnceLock::new(),
            more: more.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value)))).collect(),
        };
        Self { facts: Arc::new(facts), part: Part::Root }
    }

    /// What the template asked for and was not there, each once.
    pub(super) fn needs(&self) -> Vec<Need> {
        std::mem::take(&mut *locked(&self.facts.needs))
    }

    pub(super) fn part(&self, part: Part) -> Value {
        Value::from_object(Self { facts: self.facts.clone(), part })
    }

    fn root(&self, name: &str) -> Option<Value> {
        let facts = &*self.facts;
        if let Some(value) = facts.more.get(name) {
            return Some(value.clone());
        }
        // A run as a whole.
        if facts.task.task_id.is_empty() && names::OF_TASK.contains(&name) {
            return None;
        }
        let run = &facts.dag_run;
        Some(match name {
            "ds" => printed(run.logical_date, "%Y-%m-%d"),
            "ds_nodash" => printed(run.logical_date, "%Y%m%d"),
            "ts" => run.logical_date.map_or(Value::UNDEFINED, |at| Moment::utc(at).isoformat("T").into()),
            "ts_nodash" => printed(run.logical_date, "%Y%m%dT%H%M%S"),
            "ts_nodash_with_tz" => printed(run.logical_date, "%Y%m%dT%H%M%S%z"),
            "logical_date" => run.logical_date.map_or(Value::UNDEFINED, moment),
            "data_interval_start" => run.data_interval.map_or(Value::UNDEFINED, |interval| moment(interval.start)),
            "data_interval_end" => run.data_interval.map_or(Value::UNDEFINED, |interval| moment(interval.end)),
            "prev_data_interval_start_success" => self.previous(|run| run.data_interval.map(|interval| interval.start)),
            "prev_data_interval_end_success" => self.previous(|run| run.data_interval.map(|interval| interval.end)),
            "prev_start_date_success" => self.previous(|run| run.started_at),
            "prev_end_date_success" => self.previous(|run| run.ended_at),
            "dag" => self.part(Part::Dag),
            "task" => self.part(Part::Task),
            "ti" | "task_instance" => self.part(Part::TaskInstance),
            "dag_run" => self.part(Part::DagRun),
            "run_id" => run.run_id.as_str().into(),
            "params" => self.params(),
            "conf" => self.conf(),
            "macros" => Value::from_object(Macros),
            "xcom" => self.part(Part::XCom),
            "var" => self.part(Part::Variables),
            "conn" => self.part(Part::Connections),
            "map" => self.map(),
            "map_index" => facts.map_index.into(),
            "try_number" => facts.try_number.into(),
            "inlets" => events::assets(&facts.dag, &facts.task.inlets),
            "outlets" => events::assets(&facts.dag, &facts.task.outlets),
            "inlet_events" => self.part(Part::InletEvents),
            "outlet_events" => events::outlet_events(&facts.dag, &facts.task.outlets),
            "triggering_asset_events" => self.triggering_asset_events(),
            "task_instance_key_str" => {
                let about = run.logical_date.map_or_else(|| run.run_id.clone(), |at| at.strftime("%Y%m%d").to_string());
                format!("{}__{}__{about}", run.dag_id, facts.task.task_id).into()
            }
            _ => return None,
        })
    }

    fn dag(&self, name: &str) -> Option<Value> {
        let dag = &*self.facts.dag;
        Some(match name {
            "dag_id" => dag.dag_id.as_str().into(),
            "description" => text_or_none(dag.description.as_deref()),
            "owner" => dag.owner.as_str().into(),
            "tags" => Value::from(Serde(&dag.tags)),
            "doc_md" => text_or_none(dag.doc_md.as_deref()),
            "timezone" => dag.timezone.as_str().into(),
            "start_date" => moment_or_none(dag.start_date),
            "end_date" => moment_or_none(dag.end_date),
            "catchup" => dag.catchup.into(),
            "task_ids" => {
                let ids = || dag.tasks.iter().map(|task| task.task_id.as_str()).collect();
                self.facts.task_ids.get_or_init(ids).clone()
            }
            _ => return None,
        })
    }

    fn task(&self, name: &str) -> Option<Value> {
        let task = &*self.facts.task;
        Some(match name {
            "task_id" => task.task_id.as_str().into(),
            "dag_id" => self.facts.dag_run.dag_id.as_str().into(),
            "owner" => self.facts.dag.owner.as_str().into(),
            "operator" => task.operator.name().into(),
            "retries" => task.retries.into(),
            "retry_delay" => delta(task.retry_delay),
            "execution_timeout" => task.execution_timeout.map_or(Value::from(()), delta),
            "trigger_rule" => task.trigger_rule.to_string().into(),
            "priority_weight" => task.priority_weight.into(),
            "upstream_task_ids" => {
                task.upstream.iter().map(|index| self.facts.dag.task(*index).task_id.as_str()).collect()
            }
            "doc_md" => text_or_none(task.doc_md.as_deref()),
            _ => return None,
        })
    }

    fn task_instance(&self, name: &str) -> Option<Value> {
        let facts = &*self.facts;
        Some(match name {
            "dag_id" => facts.dag_run.dag_id.as_str().into(),
            "task_id" => facts.task.task_id.as_str().into(),
            "run_id" => facts.dag_run.run_id.as_str().into(),
            "try_number" => facts.try_number.into(),
            "max_tries" => facts.max_tries.into(),
            "map_index" => facts.map_index.into(),
            "task" => self.part(Part::Task),
            "dag_run" => self.part(Part::DagRun),
            "xcom_pull" => self.part(Part::XComPull),
            _ => return None,
        })
    }

    fn dag_run(&self, name: &str) -> Option<Value> {
        let run = &*self.facts.dag_run;
        Some(match name {
            "dag_id" => run.dag_id.as_str().into(),
            "run_id" => run.run_id.as_str().into(),
            "run_type" => run.run_type.to_string().into(),
            "conf" => self.conf(),
            "params" => self.params(),
            "logical_date" => moment_or_none(run.logical_date),
            "data_interval_start" => moment_or_none(run.data_interval.map(|interval| interval.start)),
            "data_interval_end" => moment_or_none(run.data_interval.map(|interval| interval.end)),
            "run_after" => moment(run.run_after),
            "start_date" => moment_or_none(run.started_at),
            "triggered_by" => run.triggered_by.to_string().into(),
            _ => return None,
        })
    }

    fn params(&self) -> Value {
        self.facts.params.get_or_init(|| Value::from(Serde(&self.facts.dag_run.params))).clone()
    }

    /// Undefined where there is no element.
    fn map(&self) -> Value {
        let values = self.facts.mapped.as_ref().map(|mapped| &mapped.values).filter(|values| !values.is_empty());
        let Some(values) = values else { return Value::UNDEFINED };
        self.facts.map.get_or_init(|| Value::from(Serde(values))).clone()
    }

    /// Which instances of a task are seen from here.
    fn sees(&self, task: &Task) -> Elements {
        let facts = &*self.facts;
        facts
            .mapped
            .as_ref()
            .map_or(Elements::One(-1), |mapped| seen(&facts.dag, &facts.task, facts.map_index, task, &mapped.lengths))
    }

    fn conf(&self) -> Value {
        self.facts.conf.get_or_init(|| Value::from(Serde(&self.facts.dag_run.conf))).clone()
    }

    fn previous(&self, field: impl Fn(&PreviousSuccess) -> Option<Timestamp>) -> Value {
        match &self.facts.fetched.previous_success {
            Some(previous) => moment_or_none(previous.as_ref().and_then(field)),
            None => self.need(Need::PreviousSuccess),
        }
    }

    fn triggering_asset_events(&self) -> Value {
        match &self.facts.fetched.triggering_asset_events {
            Some(events) => self.facts.triggering_asset_events.get_or_init(|| events::by_uri(events)).clone(),
            None => self.need(Need::TriggeringAssetEvents),
        }
    }

    /// The events of an inlet, named by its URI or its name.
    fn inlet_events(&self, asset: &str) -> Value {
        let facts = &*self.facts;
        let named = facts.dag.assets.iter().find(|known| known.name == asset).map(|known| known.uri.as_str());
        let uri = named.unwrap_or(asset);
        if !facts.task.inlets.iter().any(|inlet| inlet == uri) {
            let hint = did_you_mean(asset, facts.task.inlets.iter().map(String::as_str));
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return wrong(format!("`{asset}` is not among the `inlets` of the task{hint}")).into();
        }
        match facts.fetched.asset_events.get(uri) {
            Some(found) => {
                let convert = || found.iter().map(events::event).collect::<Vec<Value>>().into();
                locked(&facts.inlet_events).entry(uri.to_owned()).or_insert_with(convert).clone()
            }
            None => self.need(Need::AssetEvents { uri: uri.to_owned() }),
        }
    }

    pub(super) fn need(&self, need: Need) -> Value {
        let mut needs = locked(&self.facts.needs);
        if !needs.contains(&need) {
            needs.push(need);
        }
        Value::from_object(Pending)
    }

    /// The XCom of a task; None when it pushed none.
    fn xcom(&self, task_id: &Value, key: &str) -> Result<Option<Value>, Error> {
        if task_id.downcast_object_ref::<Pending>().is_some() {
            return Ok(Some(task_id.clone()));
        }
        let Some(task_id) = task_id.as_str() else {
            return Err(wrong(format!("an XCom is named by its task's id, not by {task_id}")));
        };
        let dag = &self.facts.dag;
        let Some(index) = dag.index_of(task_id) else {
            let hint = did_you_mean(task_id, dag.tasks.iter().map(|task| task.task_id.as_str()));
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(wrong(format!("there is no task `{task_id}`{hint}")));
        };
        let name = (task_id.to_owned(), key.to_owned());
        let Some(fetched) = self.facts.fetched.xcoms.get(&name) else {
            let elements = self.sees(dag.task(index));
            return Ok(Some(self.need(Need::XCom { task_id: name.0, key: name.1, elements })));
        };
        let Some(value) = fetched else { return Ok(None) };
        let mut known = locked(&self.facts.xcoms);
        Ok(Some(known.entry(name).or_insert_with(|| Value::from(Serde(value))).clone()))
    }

    /// `xcom('task_id'[, key])`.
    fn call_xcom(&self, args: &[Value]) -> Result<Value, Error> {
        let (task_id, key, kwargs): (&Value, Option<&str>, Kwargs) = from_args(args)?;
        let key = key.map(str::to_owned).or(kwargs.get::<Option<String>>("key")?);
        let default = kwargs.get::<Option<Value>>("default")?;
        kwargs.assert_all_used()?;
        let found = self.xcom(task_id, key.as_deref().unwrap_or(RETURN_VALUE))?;
        Ok(found.or(default).unwrap_or(Value::from(())))
    }

    /// Airflow's `ti.xcom_pull`: a value for one task id, a list for a list.
    fn call_xcom_pull(&self, args: &[Value]) -> Result<Value, Error> {
        let (task_ids, kwargs): (Option<&Value>, Kwargs) = from_args(args)?;
        let task_ids = task_ids.cloned().or(kwargs.get::<Option<Value>>("task_ids")?);
        let Some(task_ids) = task_ids.filter(|task_ids| !task_ids.is_none()) else {
            return Err(wrong("`xcom_pull` needs `task_ids`".to_owned()));
        };
        let key = kwargs.get::<Option<String>>("key")?.unwrap_or_else(|| RETURN_VALUE.to_owned());
        let default = kwargs.get::<Option<Value>>("default")?.unwrap_or(Value::from(()));
        self.refuse_other_runs(&kwargs)?;
        kwargs.assert_all_used()?;
        if task_ids.as_str().is_some() || task_ids.downcast_object_ref::<Pending>().is_some() {
            return Ok(self.xcom(&task_ids, &key)?.unwrap_or(default));
        }
        let mut values = Vec::new();
        for task_id in task_ids.try_iter()? {
            values.push(self.xcom(&task_id, &key)?.unwrap_or_else(|| default.clone()));
        }
        Ok(values.into())
    }

    fn refuse_other_runs(&self, kwargs: &Kwargs) -> Result<(), Error> {
        let run = &self.facts.dag_run;
        for (name, own) in [("dag_id", &run.dag_id), ("run_id", &run.run_id)] {
            if kwargs.get::<Option<String>>(name)?.is_some_and(|given| given != *own) {
                return Err(wrong(format!("`xcom_pull` from another `{name}` is not supported yet")));
            }
        }
        if kwargs.get::<Option<bool>>("include_prior_dates")? == Some(true) {
            return Err(wrong("`include_prior_dates` is not supported yet".to_owned()));
        }
        if kwargs.get::<Option<Value>>("map_indexes")?.is_some_and(|given| !given.is_none() && given != Value::from(-1))
        {
            return Err(wrong("`map_indexes` is not supported yet".to_owned()));
        }
        Ok(())
    }
}

impl Object for Context {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.part == Part::Root { ObjectRepr::Map } else { ObjectRepr::Plain }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        match self.part {
            Part::Root => self.root(name),
            Part::Dag => self.dag(name),
            Part::Task => self.task(name),
            Part::TaskInstance => self.task_instance(name),
            Part::DagRun => self.dag_run(name),
            Part::InletEvents => Some(self.inlet_events(name)),
            Part::Variables => self.variables(name),
            Part::VariableValues | Part::VariableJson => Some(self.variable_named(name)),
            Part::Connections => Some(self.connection_named(name)),
            Part::XCom | Part::XComPull => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        match self.part {
            Part::XCom => self.call_xcom(args),
            Part::XComPull => self.call_xcom_pull(args),
            part => Err(wrong(format!("{part:?} cannot be called"))),
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match (self.part, method) {
            (Part::TaskInstance, "xcom_pull") => self.call_xcom_pull(args),
            (Part::TaskInstance, "xcom_push") => {
                Err(wrong("a template cannot push an XCom; push it in the task".to_owned()))
            }
            (Part::VariableValues | Part::VariableJson | Part::Connections, "get") => self.call_get(args),
            _ => match self.get_value(&Value::from(method)) {
                Some(value) => value.call(state, args),
                None => Err(no_method(names::called(self.kind()), method, &[])),
            },
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &*self.facts;
        let run = &facts.dag_run;
        match self.part {
            Part::Root => f.write_str("context"),
            Part::Dag => write!(f, "<DAG: {}>", run.dag_id),
            Part::Task => write!(f, "<Task({}): {}>", facts.task.operator.name(), facts.task.task_id),
            Part::TaskInstance => write!(f, "<TaskInstance: {}.{} {}>", run.dag_id, facts.task.task_id, run.run_id),
            Part::DagRun => write!(f, "<DagRun {} {}>", run.dag_id, run.run_id),
            Part::InletEvents => f.write_str("inlet_events"),
            Part::XCom => f.write_str("xcom"),
            Part::XComPull => f.write_str("ti.xcom_pull"),
            Part::Variables | Part::VariableValues | Part::VariableJson => f.write_str("var"),
            Part::Connections => f.write_str("conn"),
        }
    }
}

impl Context {
    const fn kind(&self) -> names::Kind {
        match self.part {
            Part::Dag => names::Kind::Dag,
            Part::Task => names::Kind::Task,
            Part::TaskInstance => names::Kind::TaskInstance,
            Part::DagRun => names::Kind::DagRun,
            Part::Variables => names::Kind::Variables,
            Part::VariableValues | Part::VariableJson => names::Kind::OfVariables,
            Part::Connections => names::Kind::Connections,
            Part::Root | Part::InletEvents | Part::XCom | Part::XComPull => names::Kind::Any,
        }
    }
}

impl Object for Pending {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from_object(Self))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(Value::from_object(Self))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, _: &str, _: &[Value]) -> Result<Value, Error> {
        Ok(Value::from_object(Self))
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Nothing that holds one of these locks can panic half way through a change.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn moment(at: Timestamp) -> Value {
    Value::from_object(Moment::utc(at))
}

fn moment_or_none(at: Option<Timestamp>) -> Value {
    at.map_or(Value::from(()), moment)
}

fn text_or_none(text: Option<&str>) -> Value {
    text.map_or(Value::from(()), Value::from)
}

fn delta(duration: Duration) -> Value {
    Delta::from_signed(duration.absolute()).map_or_else(Value::from, Value::from_object)
}

fn printed(at: Option<Timestamp>, pattern: &str) -> Value {
    match at {
        Some(at) => Moment::utc(at).strftime(pattern).map_or_else(Value::from, Value::from),
        None => Value::UNDEFINED,
    }
}
