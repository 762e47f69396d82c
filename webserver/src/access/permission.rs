//! The table of permissions: what each allows, and which roles have it.

use super::Role;

macro_rules! permissions {
    ($($variant:ident $name:literal $role:ident $reach:ident $allows:literal;)+) => {
        /// What somebody may do to a kind of thing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $(#[doc = concat!("To ", $allows, ".")] $variant,)+
        }

        impl Permission {
            /// All, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Such as `dag_run.create`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it allows, after "may".
            pub const fn allows(self) -> &'static str {
                match self { $(Self::$variant => $allows,)+ }
            }

            /// The weakest role that has it.
            pub const fn least_role(self) -> Role {
                match self { $(Self::$variant => Role::$role,)+ }
            }

            /// Whether it can be granted for single DAGs.
            pub const fn is_of_dags(self) -> bool {
                match self { $(Self::$variant => permissions!(@ $reach),)+ }
            }
        }
    };
    (@ dags) => { true };
    (@ whole) => { false };
}

permissions! {
    DagRead "dag.read" Viewer dags "see DAGs and their versions";
    DagEdit "dag.edit" User dags "pause DAGs, skip their runs and disable their tasks";
    DagDelete "dag.delete" User dags "delete DAGs";
    DagSourceRead "dag_source.read" Viewer dags "read the source of DAGs";
    DagRunRead "dag_run.read" Viewer dags "see runs";
    DagRunCreate "dag_run.create" User dags "trigger runs";
    DagRunEdit "dag_run.edit" User dags "clear, mark, cancel and annotate runs";
    DagRunDelete "dag_run.delete" User dags "delete runs";
    TaskInstanceRead "task_instance.read" Viewer dags "see task instances";
    TaskInstanceEdit "task_instance.edit" User dags "clear and mark task instances";
    TaskInstanceDelete "task_instance.delete" User dags "delete task instances";
    TaskLogRead "task_log.read" Viewer dags "read logs of tasks";
    XcomRead "xcom.read" Viewer dags "read XComs";
    XcomCreate "xcom.create" User dags "write new XComs";
    XcomEdit "xcom.edit" User dags "change XComs";
    XcomDelete "xcom.delete" User dags "delete XComs";
    HitlRead "hitl.read" Viewer dags "see what tasks ask people";
    HitlEdit "hitl.edit" User dags "answer what tasks ask people";
    BackfillRead "backfill.read" Viewer dags "see backfills";
    BackfillCreate "backfill.create" User dags "start backfills";
    BackfillEdit "backfill.edit" User dags "pause and cancel backfills";
    CallbackRead "callback.read" Viewer dags "see messages about DAGs and missed deadlines";
    ImportErrorRead "import_error.read" Viewer whole "see which files could not be read";
    WarningRead "dag_warning.read" Viewer whole "see warnings about DAGs";
    AssetRead "asset.read" Viewer whole "see assets and their updates";
    AssetCreate "asset.create" User whole "record updates of assets";
    AssetDelete "asset.delete" User whole "take back updates of assets";
    PoolRead "pool.read" Viewer whole "see pools";
    JobRead "job.read" Viewer whole "see the services that run";
    PluginRead "plugin.read" Viewer whole "see plugins";
    ProviderRead "provider.read" Viewer whole "see providers";
    PoolCreate "pool.create" Op whole "create pools";
    PoolEdit "pool.edit" Op whole "change pools";
    PoolDelete "pool.delete" Op whole "delete pools";
    VariableRead "variable.read" Op whole "read variables";
    VariableCreate "variable.create" Op whole "create variables";
    VariableEdit "variable.edit" Op whole "change variables";
    VariableDelete "variable.delete" Op whole "delete variables";
    ConnectionRead "connection.read" Op whole "read connections";
    ConnectionCreate "connection.create" Op whole "create connections";
    ConnectionEdit "connection.edit" Op whole "change connections";
    ConnectionDelete "connection.delete" Op whole "delete connections";
    WorkerEdit "worker.edit" Op whole "drain and remove workers";
    ConfigRead "config.read" Op whole "read the configuration";
    EventLogRead "event_log.read" Op whole "read who changed what";
    UserRead "user.read" Admin whole "see accounts";
    UserCreate "user.create" Admin whole "create accounts";
    UserEdit "user.edit" Admin whole "change accounts and their roles";
    UserDelete "user.delete" Admin whole "delete accounts";
    RoleRead "role.read" Admin whole "see roles and grants";
    RoleCreate "role.create" Admin whole "create roles";
    RoleEdit "role.edit" Admin whole "grant and revoke permissions";
    RoleDelete "role.delete" Admin whole "delete roles";
}

impl Permission {
    /// The permission with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == name)
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
