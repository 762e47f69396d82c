//! What follows from an answer.

use jiff::SignedDuration;

use super::{Choice, Dialog, Effect, Link, Preview, Run, Runs, Screen, State, Ticket, Trigger};
use crate::client::Error;
use crate::tui::ask::{Answer, Changed, Kind};
use crate::tui::layout;

/// A server that was lost is looked for so often.
const LOST: SignedDuration = SignedDuration::from_secs(1);
/// What was refused is asked for again so often: somebody may have permitted it.
const REFUSED: SignedDuration = SignedDuration::from_secs(5);

impl State {
    pub(super) fn take(&mut self, ticket: Ticket, answer: Result<Answer, Error>, effects: &mut Vec<Effect>) {
        let Some((kind, took)) = self.asks.end(ticket, self.now) else { return };
        match answer {
            Ok(answer) => {
                self.link = Link::Up;
                self.problem.take_if(|(refused, _)| *refused == kind);
                let pause = self.fold(answer, effects);
                // A server that is slow is asked less often. What is under way over and over again would be all it does.
                let pause = if pause.is_zero() { pause } else { pause.max(took * 2) };
                self.asks.rest(kind, self.now + pause);
            }
            Err(error) => self.refused(kind, error, effects),
        }
    }

    /// Takes what came back; how long to pause before that is asked again.
    fn fold(&mut self, answer: Answer, effects: &mut Vec<Effect>) -> SignedDuration {
        let now = self.now;
        match (answer, self.screens.last_mut(), &mut self.dialog) {
            (Answer::Changed(changed), ..) => {
                self.changed(*changed, effects);
                SignedDuration::ZERO
            }
            (Answer::Params(params), _, Some(Dialog::Trigger(trigger))) => {
                trigger.params = Some(params);
                REFUSED
            }
            (Answer::Preview(names), _, Some(Dialog::Choice(Choice { preview, .. }))) => {
                *preview = Some(Preview::Known(names));
                REFUSED
            }
            (Answer::Dags { dags: all, refused_files }, Some(Screen::Dags(dags)), _) => {
                dags.take_dags(all, refused_files)
            }
            (Answer::Newest { runs, is_all }, Some(Screen::Dags(dags)), _) => dags.take_newest(runs, is_all),
            (Answer::Recent { dag_id, runs }, Some(Screen::Dags(dags)), _) => dags.take_recent(dag_id, &runs, now),
            (Answer::Runs(found), Some(Screen::Runs(runs)), _) => runs.take(*found),
            (Answer::Run(shown), Some(Screen::Run(run)), _) => run.take(*shown),
            (Answer::Log(part), Some(Screen::Log(log)), _) => log.take(*part),
            // Of a dialog that was closed meanwhile.
            (
                Answer::Params(_)
                | Answer::Preview(_)
                | Answer::Dags { .. }
                | Answer::Newest { .. }
                | Answer::Recent { .. }
                | Answer::Runs(_)
                | Answer::Run(_)
                | Answer::Log(_),
                ..,
            ) => REFUSED,
        }
    }

    fn changed(&mut self, changed: Changed, effects: &mut Vec<Effect>) {
        self.tell(changed.said, false);
        if let Some(dag) = changed.dag {
            for screen in &mut self.screens {
                match screen {
                    Screen::Dags(dags) => dags.replace(&dag),
                    Screen::Runs(runs) if runs.dag_id == dag.dag_id => runs.dag = Some(dag.clone()),
                    Screen::Runs(_) | Screen::Run(_) | Screen::Log(_) => {}
                }
            }
        }
        // Whoever closed the dialog meanwhile does not want to be taken elsewhere.
        if let Some(run_id) = changed.run_id
            && let Some(Dialog::Trigger(trigger)) =
                self.dialog.take_if(|dialog| matches!(dialog, Dialog::Trigger(Trigger { is_sent: true, .. })))
        {
            if let Screen::Dags(_) = self.top() {
                self.screens.push(Screen::Runs(Box::new(Runs::new(&trigger.dag_id))));
            }
            self.screens.push(Screen::Run(Box::new(Run::new(&trigger.dag_id, &run_id))));
        }
        // What is under way may have been answered before the change.
        self.start_over(effects);
    }

    fn refused(&mut self, kind: Kind, error: Error, effects: &mut Vec<Effect>) {
        let is_new = self.link == Link::New;
        match error {
            Error::LoginRequired { .. } => return effects.push(Effect::Fail(error)),
            Error::Unreachable { .. } | Error::NotFlowctl { .. } if is_new => {
                return effects.push(Effect::Fail(error));
            }
            Error::Unreachable { .. } | Error::Broken { .. } | Error::Refused { status: 502..=504, .. } => {
                self.lost(&error);
            }
            Error::NotFlowctl { .. }
            | Error::NoOperation { .. }
            | Error::Forbidden
            | Error::NotFound { .. }
            | Error::Refused { .. } => self.link = Link::Up,
        }
        let is_lost = self.link != Link::Up;
        self.asks.rest(kind, self.now + if is_lost { LOST } else { REFUSED });
        let text = error.to_string();
        match (kind, &mut self.dialog) {
            (Kind::Change, Some(Dialog::Trigger(trigger))) if trigger.is_sent => {
                trigger.is_sent = false;
                trigger.problem = Some(text);
                self.notice = None;
            }
            (Kind::Change, _) => {
                let way = matches!(error, Error::NoOperation { .. });
                let hint = if way { "; `m` marks it, which an Airflow can" } else { "" };
                self.tell(format!("{text}{hint}"), true);
            }
            (Kind::Preview, Some(Dialog::Choice(choice))) => choice.preview = Some(Preview::Refused(text)),
            (Kind::Params, Some(Dialog::Trigger(trigger))) => trigger.params = Some(String::new()),
            // What is merely decoration is not worth a message.
            (Kind::Recent, _) => self.pass_over(),
            (Kind::Params | Kind::Preview, _) => {}
            _ if is_lost => {}
            _ => self.problem = Some((kind, text)),
        }
    }

    /// Goes on with the runs of other DAGs.
    fn pass_over(&mut self) {
        let (now, page) = (self.now, layout::page(self.top(), self.size));
        if let Some(Screen::Dags(dags)) = self.screens.last_mut() {
            dags.pass_over(page, now);
        }
    }

    fn lost(&mut self, error: &Error) {
        let since = match &self.link {
            Link::Down { since, .. } => *since,
            Link::New | Link::Up => self.now,
        };
        self.link = Link::Down { cause: error.to_string(), since };
    }
}
