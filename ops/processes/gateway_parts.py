"""Wires the gateway: keys, limits, the live hub, REST and WebSocket, and what it says of its health."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from quart import Quart

from gateway.app import GatewayParts, build_app
from gateway.http.keys import KeyCache
from gateway.http.limit_merger import open_limit_merger
from gateway.http.limits import Limiter
from gateway.http.measures import PrometheusMeasures
from gateway.live.hub import LiveHub
from gateway.live.limits import LiveLimits
from gateway.live.register import LiveServer, register_live
from gateway.system.probe import PlatformProbe
from ops.processes.lifetime import Background
from ops.processes.platform import Platform
from ops.processes.reference_watch import ReferenceWatch
from ops.runtime.health import Check, Health
from ops.runtime.settings import Settings
from storage.models.operations import Role
from storage.mongo.api_keys import ApiKeys
from storage.mongo.bars import Bars
from storage.mongo.connect import StoreUnavailable
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.latest_quotes import LatestQuotes
from storage.mongo.log_identities import LogIdentities
from storage.mongo.tenants import Tenants
from storage.log.port import LogUnavailable
from storage.topics import QUOTES

_log = logging.getLogger(__name__)
QUOTE_GROUPS = {"memory": "latest-quotes", "cluster": "market"}
