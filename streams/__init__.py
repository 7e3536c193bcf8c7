"""Room 2: where order and transactions are decided: attribute, dedupe, evaluate, hand over to the chart."""
