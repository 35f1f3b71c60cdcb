"""Estimators for scikit-learn: what variate does, in pipelines, grid searches and cross-validation.

    from variate.sklearn import VariationalAutoencoder, VariationalImputer, VariationalOutlierDetector

    make_pipeline(VariationalImputer(), StandardScaler(), LogisticRegression())
    GridSearchCV(VariationalAutoencoder(), {"latent": [2, 8, 32]})     whose score is a bound in nats per row
    VariationalOutlierDetector(contamination=0.01).fit_predict(X)

They take arrays and data frames of pandas, polars and whatever speaks Arrow, with categories, dates and gaps. The
features of X are the columns of a table, each of a kind of its own, unless `kind` says that they are alike.
"""

from variate.sklearn.autoencoder import VariationalAutoencoder
from variate.sklearn.imputer import VariationalImputer
from variate.sklearn.outliers import VariationalOutlierDetector

__all__ = ["VariationalAutoencoder", "VariationalImputer", "VariationalOutlierDetector"]
