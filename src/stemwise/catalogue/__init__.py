"""Any number of files in constant memory: what is to be done, by whom, where it goes, and what became of it.

inputs → planning (journal, ledger, naming) → pipeline (decode ∥ network ∥ write) → files or tables
"""
