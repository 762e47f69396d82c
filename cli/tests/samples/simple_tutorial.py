from datetime import datetime, timedelta
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

default_args = {
    'owner': 'airflow',
    'depends_on_past': False,
    'start_date': datetime(2024, 1, 1),
    'email_on_failure': False,
    'retries': 1,
    'retry_delay': timedelta(minutes=5),
}

dag = DAG(
    'simple_tutorial',
    default_args=default_args,
    description='간단한 Airflow 튜토리얼',
    schedule_interval=timedelta(days=1),
    catchup=False,
    tags=['tutorial'],
)


def start_task():
    print("🚀 작업을 시작합니다!")
    return ["김철수", "이영희", "박민수"]


def process_data(**context):
    users = context['ti'].xcom_pull(task_ids='start')
    print(f"📊 {len(users)}명의 사용자 데이터를 처리합니다.")
    for user in users:
        print(f"  - {user} 처리 완료")
    return len(users)


def check_result(**context):
    count = context['ti'].xcom_pull(task_ids='process')
    print(f"✅ 총 {count}명 처리 확인!")
    return "성공"


start = PythonOperator(task_id='start', python_callable=start_task, dag=dag)
process = PythonOperator(task_id='process', python_callable=process_data, dag=dag)
check = PythonOperator(task_id='check', python_callable=check_result, dag=dag)
finish = BashOperator(task_id='finish', bash_command='echo "🎉 모든 작업 완료!"', dag=dag)

start >> process >> check >> finish
