"""Several ways of writing things in one file."""
import json
from datetime import timedelta

import pendulum
from airflow.decorators import dag, task
from airflow.models.baseoperator import chain
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.utils.trigger_rule import TriggerRule

LIMIT = 10


def helper(value):
    return json.loads(json.dumps(value)) + LIMIT


@dag(schedule="0 6 * * *", start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"), catchup=False, sla_miss_callback=print)
def features():
    @task(retries=2, retry_delay=timedelta(seconds=30))
    def extract(factor):
        return helper(1) * factor

    @task
    def double(value):
        return value * 2

    def choose(ti):
        return "big" if ti.xcom_pull(task_ids="double") > 20 else "small"

    extracted = extract(3)
    doubled = double(extracted)
    gate = BranchPythonOperator(task_id="gate", python_callable=choose)
    big = BashOperator(task_id="big", bash_command="echo big\necho done", execution_timeout=timedelta(hours=1))
    small = EmptyOperator(task_id="small")
    done = EmptyOperator(task_id="done", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    doubled >> gate >> [big, small]
    done << [big, small]
    for number in range(3):
        EmptyOperator(task_id=f"t{number}")


features()
