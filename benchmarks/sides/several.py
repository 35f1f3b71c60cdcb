"""Some steps of variate's engine, in this process or in each of those that torchrun started; the first prints seconds.

python -m benchmarks.sides.several CASE STEPS        CASE is a `Case` as JSON
"""

import json
import sys

from benchmarks.sides.variate_side import Side
from variate.runtime import distributed

WARM_UP = 5


def main(case: str, steps: str) -> None:
    """Sets up, warms up, takes the steps."""
    processes = distributed.join()
    side = Side()
    side.setup(json.loads(case), options={"compile": "off"})
    side.run(WARM_UP)
    processes.gather(None)  # all begin together
    taken = side.run(int(steps))
    if processes.is_main:
        print(json.dumps(taken))


if __name__ == "__main__":
    main(*sys.argv[1:])
