# Names for the scripts; each can be run without just.

# Everything a change must pass.
check:
    scripts/check

# Every test, or those whose name contains the arguments.
test *filter:
    scripts/test {{ filter }}

# Doorward and an application, on localhost.
demo *arguments:
    scripts/demo {{ arguments }}
