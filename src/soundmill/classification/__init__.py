"""Classification: labelled recordings to trained learners, an honest evaluation, predictions."""
