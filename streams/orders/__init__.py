"""The order core: one owner a partition decides what each command comes to. Pure; its processor stands elsewhere."""
