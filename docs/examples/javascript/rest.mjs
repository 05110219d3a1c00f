// The REST API from JavaScript, with what node 20 has built in: sign, read, write once, page, be refused. Copy it.
//
// node docs/examples/javascript/rest.mjs        the walk of docs/api.md, at OMNIAXS_URL with OMNIAXS_API_KEY and OMNIAXS_API_SECRET
// node docs/examples/javascript/rest.mjs sign SECRET TIMESTAMP METHOD TARGET IDEMPOTENCY_KEY BODY        one signature

import { createHash, createHmac, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const TRIES = 10;

/** The hub said no: `code` is stable, `details` has the figures. */
class Refused extends Error {
  constructor({ code, message, details }) {
    super(`${code}: ${message}`);
    Object.assign(this, { code, details: details ?? {} });
  }
}

/** Hex HMAC-SHA256 over six lines; `target` is path and query exactly as they are sent. */
function sign(secret, timestamp, method, target, key, body) {
  const [path, ...query] = target.split("?");
  const lines = [timestamp, method, path, query.join("?"), key, createHash("sha256").update(body).digest("hex")];
  return createHmac("sha256", secret).update(lines.join("\n")).digest("hex");
}

/** One signed request: the headers and the JSON of its answer, whatever the status. */
async function send(method, target, key, body) {
  const { OMNIAXS_URL, OMNIAXS_API_KEY, OMNIAXS_API_SECRET } = process.env;
  const timestamp = String(Date.now());
  const headers = {
    "X-PM-API-KEY": OMNIAXS_API_KEY,
    "X-PM-TIMESTAMP": timestamp,
    "X-PM-SIGNATURE": sign(OMNIAXS_API_SECRET, timestamp, method, target, key, body),
    ...(body && { "Content-Type": "application/json", "Idempotency-Key": key }),
  };
  const signal = AbortSignal.timeout(10_000);
  const answer = await fetch(OMNIAXS_URL + target, { method, headers, body: body || undefined, signal });
  return { headers: answer.headers, said: await answer.json() };
}

/** Headers and data. Whatever may pass is tried again: the same bytes under the same key, so a write happens once. */
async function call(method, target, content) {
  const [body, key] = content ? [JSON.stringify(content), randomUUID()] : ["", ""];
  for (let tried = 0; tried < TRIES; tried++) {
    let answer;
    try {
      answer = await send(method, target, key, body);
    } catch (broken) { // no answer: as unknown as order.outcome_unknown
      console.log(`again: ${broken.name}`);
      await sleep(500);
      continue;
    }
    const { headers, said } = answer;
    if (said.success) return { headers, data: said.data };
    if (!said.error.retryable) throw new Refused(said.error);
    console.log(`again: ${said.error.code}`);
    await sleep(1000 * Number(headers.get("Retry-After") ?? 0.5));
  }
  throw new Error(`${method} ${target}: not known after ${TRIES} tries; ask again under the key ${key}`);
}

/** All items of a list, page after page; `target` has a query already. */
async function* pages(target) {
  let token = "";
  do {
    const { data } = await call("GET", token ? `${target}&page_token=${token}` : target);
    yield* data.items;
    token = data.next_page_token;
  } while (token);
}

/** What docs/api.md shows, step by step. */
async function walk() {
  const read = await call("GET", "/v1/quotes?symbols=BTCUSDT.BINANCE,ETHUSDT.BINANCE");
  for (const quote of read.data.quotes) console.log(`quote: ${quote.symbol} ${quote.bid} ${quote.ask}`);
  console.log(`limit: ${read.headers.get("X-RateLimit-Remaining")} of ${read.headers.get("X-RateLimit-Limit")} left`);
  const order = { symbol: "ETHUSDT.BINANCE", side: "buy", type: "market", quantity: "0.5" };
  const placed = await call("POST", "/v1/orders", order);
  console.log(`order: ${placed.data.order_id} ${placed.headers.has("Idempotency-Replayed") ? "told again" : "told at once"}`);
  let markets = 0;
  for await (const _ of pages("/v1/markets?page_size=20")) markets++;
  console.log(`markets: ${markets}`);
  try {
    await call("POST", "/v1/orders", { ...order, reduce_onIy: true });
  } catch (refused) {
    console.log(`refused: ${refused.code} ${refused.details.fields[0].name}`);
  }
}

if (process.argv[2] === "sign") console.log(sign(...process.argv.slice(3)));
else await walk();
