"""What the kernels of a function do, counted by the vgpu: for tables, and for budgets that a test can assert.

In: a function and its inputs. Out: a `Run` with one `Kernel` for each kernel and shape that it launched.
"""

from harness.counted.budget import Budget, BudgetExceeded, require
from harness.counted.kernels import Kernel, Run, count, count_case

__all__ = ["Budget", "BudgetExceeded", "Kernel", "Run", "count", "count_case", "require"]
