from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.sensors.filesystem import FileSensor

with DAG("sensor", schedule="@daily", default_args={"queue": "big"}) as dag:
    wait = FileSensor(task_id="wait", filepath="/data/_SUCCESS")
    load = BashOperator(task_id="load", bash_command="./load.sh {{ ds }}", on_failure_callback=print)
    wait >> load
