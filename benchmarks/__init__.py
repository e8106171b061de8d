"""rinject's compiler measured side by side with tracr's. Run from the root of the repository:

python -m benchmarks.compiler --help
python -m benchmarks.compare_programs --help
"""
