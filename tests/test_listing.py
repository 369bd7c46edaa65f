"""The list of studies, word for word and a page at a time."""

from dataclasses import replace

from mcp_automl.answers import StudyList, StudySummary
from mcp_automl.domain.paging import Page
from mcp_automl.domain.study import TrialState
from mcp_automl.server import listing
from tests.fakes_server import NOW, a_config, a_study, a_trial

COMPLETE = TrialState.COMPLETE


def test_the_list_is_newest_first_compact_and_bounded() -> None:
    study = a_study()
    summary = StudySummary(study=study, counts={COMPLETE: 10}, best=a_trial(), cost_usd=0.48)
    told = listing.studies(StudyList(studies=(summary,), total=1, page=Page()), NOW)
    assert told.splitlines()[1:3] == [
        "Study               Model  State     Done   Best                 Cost   Created",
        "mnist-opt-20260104  mnist  COMPLETE  10/10  val_accuracy 0.9847  $0.48  1 min ago",
    ]
    many = [replace(summary, study=a_study(config=a_config(f"{i:060d}"))) for i in range(20)]
    long = listing.studies(StudyList(studies=tuple(many), total=900, page=Page()), NOW)
    assert "... and 880 more: list_automl_studies(offset=20)" in long
    assert len(long) < 5_000


def test_the_last_page_of_studies_tells_of_no_other() -> None:
    summary = StudySummary(study=a_study(), counts={COMPLETE: 10}, best=a_trial(), cost_usd=0.48)
    page = StudyList(studies=(summary,), total=21, page=Page(offset=20))
    assert page.next_offset is None
    assert "more" not in listing.studies(page, NOW)


def test_a_page_beyond_the_end_says_so() -> None:
    told = listing.studies(StudyList(studies=(), total=2, page=Page(offset=50)), NOW)
    assert told.splitlines() == [
        "[Info] AutoML Studies: offset=50 is beyond all 2 studies",
        "Next: list_automl_studies()",
    ]


def test_an_empty_list_says_how_to_start() -> None:
    assert "start_automl_study(study_name=" in listing.studies(
        StudyList(studies=(), total=0, page=Page()), NOW
    )
