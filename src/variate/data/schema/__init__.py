"""What the values of data mean: the layout and kind of an array, the kind of each column of a table."""
