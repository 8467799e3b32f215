"""Backtracking n-queens, explicit board; n counts solutions wanted."""
from timed import timed

SIZE = 10


def safe(board, row, col):
    for r in range(row):
        c = board[r]
        if c == col or abs(c - col) == row - r:
            return False
    return True


def place(board, row, left):
    if row == SIZE:
        left[0] -= 1
        return 1
    found = 0
    for col in range(SIZE):
        if left[0] <= 0:
            break
        if safe(board, row, col):
            board[row] = col
            found += place(board, row + 1, left)
            board[row] = -1
    return found


def main(n):
    return place([-1] * SIZE, 0, [n])


if __name__ == "__main__":
    timed(main)
