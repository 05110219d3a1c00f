"""The job `provision`: what an approved application becomes, from the approval to the right to trade.

To be read in this order: storage/models/provisioning.py (the job, its steps and what is next; pure), `saga` (one turn of a worker
at it), `held` (the claim under which it writes), then the steps as they are done: `validating` (validate, load_credentials),
`account` (open_account, through `core`), `binding` (bind_connectors, verify_connectivity, activate, on `market`), which write through
`tenants` and `application`. `troubles` tells what passes from what does not; `news` tells people how it ended.
"""
