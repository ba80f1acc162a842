SELECT high, low, to_micros(last_time) FROM held;
