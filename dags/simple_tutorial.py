"""The Python functions of simple_tutorial.yaml."""


def start():
    """Returns the users; what a function returns is its XCom."""
    print("🚀 작업을 시작합니다!")
    return ["김철수", "이영희", "박민수"]


def process(**context):
    """Counts the users that `start` returned."""
    users = context["ti"].xcom_pull(task_ids="start")
    print(f"📊 {len(users)}명의 사용자 데이터를 처리합니다.")
    for user in users:
        print(f"  - {user} 처리 완료")
    return len(users)


def check(**context):
    """Says that all is well."""
    count = context["ti"].xcom_pull(task_ids="process")
    print(f"✅ 총 {count}명 처리 확인!")
    return "성공"
