"""Trades to bars: the pure fold, used alike by the bars processor and by `omniaxs bars build`."""
