def next_rate(rate: float, direction: int) -> float:
    rates = [float(f"{step}e{power}") for power in range(-8, 3) for step in (1, 2, 5)]
    if direction > 0:
        return next((each for each in rates if each > rate * 1.001), rate)
    return next((each for each in reversed(rates) if each < rate * 0.999), rate)
