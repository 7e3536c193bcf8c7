"""Room 2: the one place where order and transactions are decided: attribute, dedupe, evaluate, hand over to the chart."""
