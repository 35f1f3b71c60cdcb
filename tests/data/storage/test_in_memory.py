import numpy as np

from variate.data.storage.in_memory import InMemory


def test_rows_of_an_array():
    array = np.arange(12.0).reshape(4, 3)
    storage = InMemory(array)
    assert (len(storage), storage.shape, storage.dtype, storage.in_memory) == (4, (3,), array.dtype, True)
    assert storage.all() is array
    assert storage.bounds.tolist() == [0, 4]
    taken = storage.take(np.array([3, 0, 3]))
    np.testing.assert_array_equal(taken, array[[3, 0, 3]])
    assert not np.shares_memory(taken, array)
