# Prints the path of a Python that is new enough: the one named first, else the first that is found. Run by the Makefile.
oldest="3.11"
for candidate in ${1:-python3.11 python3.12 python3.13 python3 python}; do
    path=$(command -v "$candidate") || continue
    if "$path" -c "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
        echo "$path"
        exit 0
    fi
done
echo "Gospulse needs Python $oldest or later with venv, and found none${1:+ at $1}: install it" \
    "(Debian: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python3" >&2
exit 1
