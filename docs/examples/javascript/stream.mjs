// A stream without a hole from JavaScript, with node's own WebSocket: connect, authenticate, subscribe, resume. Copy it.
//
// node --experimental-websocket docs/examples/javascript/stream.mjs [--count N] TOPIC...      (node 22 needs no flag)

import { createHash, createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const { OMNIAXS_URL, OMNIAXS_API_KEY, OMNIAXS_API_SECRET } = process.env;
const asked = parseArgs({ options: { count: { type: "string", default: "1000000" } }, allowPositionals: true });
const topics = asked.positionals;
let left = Number(asked.values.count);

let places = {}; // what we have, by topic: what to send as `resume`
let coming = {}; // what we shall have when the snapshot is complete

/** The signature is over GET, /v1/ws, no query, no idempotency key, no body. */
function authPayload() {
  const timestamp = String(Date.now());
  const text = [timestamp, "GET", "/v1/ws", "", "", createHash("sha256").digest("hex")].join("\n");
  const signature = createHmac("sha256", OMNIAXS_API_SECRET).update(text).digest("hex");
  return { api_key: OMNIAXS_API_KEY, timestamp, signature };
}

/** One connection, until it ends; its close code. Fails when the hub says no. */
function follow() {
  return new Promise((ended, failed) => {
    const socket = new WebSocket(OMNIAXS_URL.replace("http", "ws") + "/v1/ws");
    const ask = (op, payload) => socket.send(JSON.stringify({ op, id: op, payload }));
    socket.onopen = () => ask("auth", authPayload());
    socket.onclose = ({ code }) => ended(code);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.ok === false) failed(new Error(`${message.op}: ${message.error.code} ${message.error.message}`));
      else if (message.op === "auth") ask("subscribe", { topics, resume: places });
      else if (message.op === "subscribe") begin(message.payload.topics, socket, failed);
      else if (left > 0 && take(message) && --left === 0) socket.close();
    };
  });
}

/** The answer to `subscribe`: each topic is granted or refused by itself. */
function begin(answered, socket, failed) {
  coming = {};
  for (const [topic, { ok, code, message, retryable, recovered, log_id, positions }] of Object.entries(answered)) {
    if (!ok && retryable) return socket.close(); // log, store or read model are behind at the moment
    if (!ok) return failed(new Error(`${topic}: ${code} ${message}`));
    console.log(`subscribed: ${topic} ${recovered ? "recovered" : "from a snapshot"}`);
    if (!recovered) delete places[topic]; // a place of ours only when the whole snapshot has come
    (recovered ? places : coming)[topic] = { log_id, positions };
  }
}

/** One message; true when it has data. */
function take(message) {
  const { type, topic: name, shard, seq, data } = message;
  if (data !== undefined) {
    console.log(`${type}: ${name} ${shard} ${seq}`);
    if (type === "snapshot") return true; // what a snapshot shows is no place; states may belong to one
    for (const topic of topics) if (covers(topic, name)) have(topic, shard, seq, type === "update");
    return true;
  }
  if (type === "position") { // where quiet shards stand, too; of topics whose snapshot is complete
    Object.assign(places, message.topics);
    for (const topic of Object.keys(message.topics)) delete coming[topic];
  } else if (type === "gap") { // we were too slow: what stood between was dropped and will not come
    console.log(`gap: ${shard} ${message.from} to ${message.to}`);
    have(name, shard, message.to, true);
  } else console.log(`${type}: ${JSON.stringify(message)}`); // lagging, going_away, error
  return false;
}

/** Note what came; `whole`: the topic's snapshot is complete, since this comes after it. */
function have(topic, shard, seq, whole) {
  if (whole && coming[topic]) {
    places[topic] = coming[topic];
    delete coming[topic];
  }
  const positions = places[topic]?.positions;
  if (positions) positions[shard] = Math.max(positions[shard], seq);
}

/** Whether a message of that name belongs to a subscription; records of orders are always named orders.* */
function covers(topic, name) {
  const wildcard = topic.endsWith("*") && name.startsWith(topic.slice(0, -1));
  return name === topic || wildcard || (name === "orders.*" && topic.startsWith("orders."));
}

while (left > 0) {
  const code = await follow();
  if (left > 0) console.log(`connection: ${code}, once more`);
  await sleep(left > 0 ? 500 : 0);
}
process.exit();
