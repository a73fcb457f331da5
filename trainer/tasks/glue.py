"""The tasks of GLUE, scored as GLUE scores them."""

from trainer.sources.glue_layout import Glue
from trainer.tasks import scores
from trainer.tasks.sequence_classification import SequenceClassification

BINARY = ("0", "1")
"""How most of the files write two classes."""
ENTAILMENT = ("entailment", "not_entailment")

COLA = SequenceClassification(
    name="cola",
    metric="val_matthews",
    measures=("accuracy", "matthews"),
    score=scores.matthews,
    labels=("unacceptable", "acceptable"),
    written=BINARY,
    glue=Glue(
        folder="CoLA", text=("sentence",), header=("source", "label", "author_mark", "sentence"), hub_name="cola"
    ),
)
SST2 = SequenceClassification(
    name="sst2",
    metric="val_accuracy",
    measures=("accuracy",),
    score=scores.accuracy,
    labels=("negative", "positive"),
    written=BINARY,
    glue=Glue(folder="SST-2", text=("sentence",), hub_name="sst2"),
)
MRPC = SequenceClassification(
    name="mrpc",
    metric="val_accuracy_f1",
    measures=("accuracy", "f1", "accuracy_f1"),
    score=scores.accuracy_f1,
    labels=("not_equivalent", "equivalent"),
    written=BINARY,
    glue=Glue(
        folder="MRPC",
        text=("#1 String", "#2 String"),
        label="Quality",
        hub_name="mrpc",
        hub_text=("sentence1", "sentence2"),
    ),
)
STSB = SequenceClassification(
    name="stsb",
    metric="val_pearson_spearman",
    measures=("pearson", "spearman", "pearson_spearman"),
    score=scores.pearson_spearman,
    labels=None,
    glue=Glue(folder="STS-B", text=("sentence1", "sentence2"), label="score", hub_name="stsb"),
)
QQP = SequenceClassification(
    name="qqp",
    metric="val_accuracy_f1",
    measures=("accuracy", "f1", "accuracy_f1"),
    score=scores.accuracy_f1,
    labels=("not_duplicate", "duplicate"),
    written=BINARY,
    glue=Glue(
        folder="QQP", text=("question1", "question2"), label="is_duplicate", hub_name="qqp", drops_short_rows=True
    ),
)
MNLI = SequenceClassification(
    name="mnli",
    metric="val_accuracy",
    measures=("accuracy",),
    score=scores.accuracy,
    labels=("entailment", "neutral", "contradiction"),
    glue=Glue(
        folder="MNLI",
        text=("sentence1", "sentence2"),
        label="gold_label",
        validation="dev_matched",
        more_tests={"mismatched": "dev_mismatched"},
        unlabelled={"MNLI-m": "test_matched", "MNLI-mm": "test_mismatched", "AX": "../diagnostic/diagnostic"},
        hub_name="mnli",
        hub_text=("premise", "hypothesis"),
        hub_splits={"validation": "validation_matched", "mismatched": "validation_mismatched", "AX": "ax/test"},
    ),
)
QNLI = SequenceClassification(
    name="qnli",
    metric="val_accuracy",
    measures=("accuracy",),
    score=scores.accuracy,
    labels=ENTAILMENT,
    glue=Glue(folder="QNLI", text=("question", "sentence"), hub_name="qnli"),
)
RTE = SequenceClassification(
    name="rte",
    metric="val_accuracy",
    measures=("accuracy",),
    score=scores.accuracy,
    labels=ENTAILMENT,
    glue=Glue(folder="RTE", text=("sentence1", "sentence2"), hub_name="rte"),
)
WNLI = SequenceClassification(
    name="wnli",
    metric="val_accuracy",
    measures=("accuracy",),
    score=scores.accuracy,
    labels=("not_entailment", "entailment"),
    written=BINARY,
    glue=Glue(folder="WNLI", text=("sentence1", "sentence2"), hub_name="wnli"),
)
AX = SequenceClassification(
    name="ax",
    metric="val_accuracy",
    measures=("accuracy",),
    score=scores.accuracy,
    labels=MNLI.labels,
    instead="train task 'mnli', whose predictions hold the diagnostic set too",
    glue=Glue(
        folder="diagnostic",
        text=("sentence1", "sentence2"),
        unlabelled={"AX": "diagnostic"},
        hub_name="ax",
        hub_text=("premise", "hypothesis"),
        hub_splits={"AX": "test"},
    ),
)
"""The diagnostic set: it has no labels, and a model of `mnli` answers it."""

GLUE = (COLA, SST2, MRPC, STSB, QQP, MNLI, QNLI, RTE, WNLI, AX)
