"""The suite: variate beside other ways to train and score the same model, as ratios measured in one run."""
