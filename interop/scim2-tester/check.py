"""Every check that scim2-tester has, against BASE.

check.py BASE; the token comes from the environment. Prints what is no success, and how many were one.
"""

import os
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

token = os.environ["SCIM_TOKEN"]
client = Client(base_url=sys.argv[1], headers={"Authorization": f"Bearer {token}"})
results = check_server(SyncSCIMClient(client))
others = [result for result in results if result.status != Status.SUCCESS]
for result in others:
    print(result.status.name, result.title, result.resource_type, result.reason, result.data)
print(f"{len(results) - len(others)} checks, {len(others)} others")
sys.exit(bool(others))
