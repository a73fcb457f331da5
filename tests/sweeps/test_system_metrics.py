import time

from sweeps.contract import Kind, Outcome, Report, Verdict
from sweeps.system_metrics import SystemMetrics, read_gpus
from trainer.report import Point

OWN = Point(key="val_accuracy", step=1, value=0.5, timestamp_ms=1)
SAID = Report(validation=1, step=10, metrics={"val_accuracy": 0.5}, history=(OWN,))


def test_what_was_measured_travels_with_the_next_report_once() -> None:
    heard: list[Report] = []

    def report(said: Report) -> Verdict:
        heard.append(said)
        return Verdict.STOP

    with SystemMetrics(every_s=0.05) as metrics:
        reporting = metrics.reporter(report)
        deadline = time.monotonic() + 20
        while not metrics._points and time.monotonic() < deadline:
            time.sleep(0.01)
        assert reporting(SAID) is Verdict.STOP
        outcome = metrics.complete(Outcome(kind=Kind.COMPLETED, report=SAID))
    assert heard[0].history[0] == OWN
    assert outcome.report is not None
    both = [*heard[0].history[1:], *outcome.report.history[1:]]
    keys = {point.key for point in both}
    assert {f"system/{name}" for name in ("cpu_utilization_percentage", "process_memory_megabytes")} <= keys
    assert len({(point.key, point.timestamp_ms, id(point)) for point in both}) == len(both)
    memory = [point.value for point in both if point.key == "system/process_memory_megabytes"]
    assert all(10 < value < 1e6 for value in memory)


def test_a_trial_that_is_shorter_than_the_pace_is_measured_at_its_end() -> None:
    with SystemMetrics(every_s=1000) as metrics:
        outcome = metrics.complete(Outcome(kind=Kind.COMPLETED, report=SAID))
    assert outcome.report is not None
    assert len(outcome.report.history) > 1
    failed = Outcome(kind=Kind.FAILED, reason="why")
    assert SystemMetrics().complete(failed) is failed


def test_gpus_are_numbered_from_zero_and_what_one_cannot_tell_is_left_out() -> None:
    assert dict(read_gpus("97, 40123, 312.50\n3, 1024, [N/A]\n")) == {
        "gpu_0_utilization_percentage": 97,
        "gpu_0_memory_usage_megabytes": 40123,
        "gpu_0_power_usage_watts": 312.5,
        "gpu_1_utilization_percentage": 3,
        "gpu_1_memory_usage_megabytes": 1024,
    }
    assert dict(read_gpus("")) == {}
