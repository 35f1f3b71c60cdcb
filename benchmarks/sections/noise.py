"""Whether the noise that an importance-weighted bound tells covers what repeated draws do.

Weights of known tails: with p(z|x) = N(m, S) in d dimensions and q(z|x) = N(m, s^2 S), s < 1, as of an encoder that is
too sure of itself,

    log w = log p(x) + d log s + (1 - s^2) / 2 chi^2_d,    so that    P(w > t) = t^(-1 / k) up to logs, k = 1 - s^2.

Nothing here is a time.
"""
