"""How odd single rows are: scores, what made a row odd, p-values against held-out rows, and drift of whole tables.

Each score is a measurement of a row (`measures`) by one method. Raw likelihood is not enough to compare rows of
different data (Nalisnick et al., 2019a): a model may find a plain image of another kind more probable than its own. So
there are several methods, and whichever it is, a score becomes a p-value by its rank among held-out rows (`conformal`).

To add a method, add its name to `ScoreMethod` in `variate.limits`, its measurement in `measures.measure`, and how it
becomes a score in `reference.scores_of`.
"""
