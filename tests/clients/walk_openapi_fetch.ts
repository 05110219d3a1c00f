// The main paths with openapi-fetch over the types that openapi-typescript made of the contract, as their pages say to use
// them. Signatures are a middleware. `tsc --strict` holds every call and every answer's field against the contract.

import createClient, { type Client, type Middleware } from "openapi-fetch";
import type { components, paths } from "./contract.js";

declare const process: { env: Record<string, string | undefined>; stdout: { write(text: string): void } };

const hub = JSON.parse(process.env.HUB ?? "{}") as Record<"http" | "inbox" | "admin_email" | "admin_password", string>;
const PATIENCE = 60_000;
const COIN = "BTCUSDT.BINANCE";
const PASSWORD = `correct horse ${token()}`;
const SCOPES = ["market:read", "account:read", "trade:read", "trade:write", "access:read", "access:write", "stream"];
const ROLE = { "X-PM-ROLE": "super_admin" };
const SIGNED = { "X-PM-TIMESTAMP": "the middleware writes it", "X-PM-SIGNATURE": "the middleware writes it" };

type Hub = Client<paths>;
type Key = { id: string; secret: string };
type Mail = { to: string; code?: string };
type Failure = components["schemas"]["ErrorResponse"];
type Answer<Data> = { data?: { data?: Data }; error?: unknown; response: Response };

function token(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}

function hex(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function client(...middleware: Middleware[]): Hub {
  const made = createClient<paths>({ baseUrl: hub.http });
  made.use({
    onResponse({ request, response }) {
      const path = new URL(request.url).pathname;
      process.stdout.write(JSON.stringify([request.method, path, response.status]) + "\n");
    },
  });
  made.use(...middleware);
  return made;
}

/** Signs each request as it is, the way docs/signing.md tells. */
function signature(key: Key): Middleware {
  return {
    async onRequest({ request }) {
      const target = new URL(request.url);
      const body = hex(await crypto.subtle.digest("SHA-256", await request.clone().arrayBuffer()));
      const timestamp = String(Date.now());
      const named = request.headers.get("Idempotency-Key") ?? "";
      const lines = [timestamp, request.method, target.pathname, target.search.slice(1), named, body];
      const secret = new TextEncoder().encode(key.secret);
      const mac = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      const signed = await crypto.subtle.sign("HMAC", mac, new TextEncoder().encode(lines.join("\n")));
      request.headers.set("X-PM-API-KEY", key.id);
      request.headers.set("X-PM-TIMESTAMP", timestamp);
      request.headers.set("X-PM-SIGNATURE", hex(signed));
      return request;
    },
  };
}

function bearer(accessToken: unknown): Middleware {
  return {
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${accessToken}`);
      return request;
    },
  };
}

function expect(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(`not as it should be: ${JSON.stringify(what)}`);
}

/** The data of an answer that is what the contract promises for 200. */
async function data<Data>(call: Promise<Answer<Data>>): Promise<NonNullable<Data>> {
  const answer = await call;
  expect(answer.response.status === 200, answer.error);
  expect(answer.data?.data != null, answer.data);
  return answer.data.data;
}

/** The error of an answer that failed with `status`. */
async function error(status: number, call: Promise<Answer<unknown>>): Promise<Failure["error"]> {
  const answer = await call;
  expect(answer.response.status === status, [answer.response.status, answer.error]);
  const failure = answer.error as Failure;
  expect(failure.success === false && failure.error.message !== "", failure);
  return failure.error;
}

async function fails(code: string, status: number, call: Promise<Answer<unknown>>): Promise<void> {
  const found = await error(status, call);
  expect(found.code === code, found);
}

async function eventually<Found>(look: () => Promise<Found | undefined>, what: string): Promise<Found> {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    expect(Date.now() < until, what);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function mailed(address: string): Promise<Mail[]> {
  const mails = (await (await fetch(hub.inbox)).json()) as Mail[];
  return mails.filter((mail) => mail.to === address && mail.code);
}

/** The code of the mail that `cause` makes come. */
async function codeAfter<Done>(address: string, cause: Promise<Done>, before: number): Promise<[Done, string]> {
  const done = await cause;
  const code = await eventually(async () => {
    const mails = await mailed(address);
    return mails.length > before ? mails[0]?.code : undefined;
  }, `a mail to ${address}`);
  return [done, code];
}

/** A user's way in, with what goes wrong on it. */
async function person(): Promise<[string, Hub]> {
  const door = client();
  const email = `ada.${token()}@example.com`;
  const plain = {
    email, password: PASSWORD, display_name: "Ada", company_name: "Engines", country_region: "GB",
    preferred_language: "en-US" as const,
  };
  const register = (body: typeof plain) => door.POST("/public/v1/auth/register", { body });
  const login = (password: string) => door.POST("/public/v1/auth/login", { body: { email, password } });
  const verify = (code: string) =>
    door.POST("/public/v1/auth/verify-email", { body: { email, verification_code: code } });
  const refresh = (refresh_token: string) => door.POST("/public/v1/auth/refresh", { body: { refresh_token } });
  await fails("request.invalid", 422, register({ ...plain, password: "password1" }));
  const [registered, verification] = await codeAfter(email, data(register(plain)), 0);
  expect(registered["email"] === email, registered);
  await fails("user.email_taken", 409, register(plain));
  await fails("auth.email_not_verified", 403, login(PASSWORD));
  expect((await error(422, verify("999999x"))).retryable === false, "retryable");
  await data(verify(verification));
  await fails("auth.credentials_invalid", 401, login("something else"));
  const [begun, code] = await codeAfter(email, data(login(PASSWORD)), 1);
  const answered = { email, challenge_id: String(begun["challenge_id"]), otp_code: code };
  const opened = await data(door.POST("/public/v1/auth/login/verify-otp", { body: answered }));
  const again = await data(refresh(String(opened["refresh_token"])));
  await error(401, refresh("x".repeat(43)));
  return [email, client(bearer(again["access_token"]))];
}

/** The profile, and the keys. */
async function keyOf(user: Hub, email: string): Promise<Key> {
  const made = (body: Partial<components["schemas"]["UserApiKeyCreateRequest"]>) =>
    user.POST("/v1/user/api-keys", {
      params: { header: { "Idempotency-Key": token() } }, body: { label: "trading", ...body },
    });
  const revoked = (key_id: string) =>
    user.DELETE("/v1/user/api-keys/{key_id}", {
      params: { header: { "Idempotency-Key": token() }, path: { key_id } },
    });
  expect((await data(user.GET("/v1/user/me")))["email"] === email, "the profile");
  await fails("auth.token_invalid", 401, client(bearer("none")).GET("/v1/user/me"));
  const key = await data(made({ scopes: SCOPES }));
  const spare = await data(made({}));
  await fails("request.invalid", 422, made({ scopes: ["everything"] }));
  expect(((await data(user.GET("/v1/user/api-keys")))["items"] as unknown[]).length === 2, "two keys");
  expect((await data(revoked(String(spare["key_id"]))))["status"] === "revoked", "revoked");
  await fails("api_key.not_found", 404, revoked("pmk_none"));
  return { id: String(key["key_id"]), secret: String(key["api_secret"]) };
}

async function superAdmin(): Promise<Hub> {
  const door = client();
  const who = { email: hub.admin_email, role: "super_admin" };
  const before = (await mailed(who.email)).length;
  const login = data(door.POST("/public/v1/admin/auth/login", { body: { ...who, password: hub.admin_password } }));
  const [begun, code] = await codeAfter(who.email, login, before);
  const answered = { ...who, challenge_id: String(begun["challenge_id"]), otp_code: code };
  const opened = await data(door.POST("/public/v1/admin/auth/login/verify-otp", { body: answered }));
  const admin = client(bearer(opened["access_token"]));
  const users = admin.GET("/internal/v1/admin/users", { params: { header: ROLE, query: { status: "active" } } });
  expect(((await data(users))["items"] as unknown[]).length > 0, "users");
  const summary = await data(admin.GET("/internal/v1/admin/observability/summary", { params: { header: ROLE } }));
  expect(summary["runtime"] !== undefined, summary);
  return admin;
}

/** One application is rejected, another one leads to a binding. */
async function provisioned(signed: Hub, admin: Hub): Promise<void> {
  const applied = (exchange: string) =>
    signed.POST("/v1/access-applications", {
      params: { header: { ...SIGNED, "Idempotency-Key": token() } },
      body: {
        contact_email: "desk@example.com", target_markets: ["crypto"], target_exchanges: [exchange],
        preferred_language: "en-US",
      },
    });
  const ruled = (application_id: string) => ({ params: { header: ROLE, path: { application_id } } });
  const approved = (application_id: string) =>
    admin.POST("/internal/v1/admin/access-applications/{application_id}/approve", {
      ...ruled(application_id),
      body: { review_note: "known", provision_policy: { auto_bind: true, fallback_enabled: true } },
    });
  const shown = (application_id: string) =>
    signed.GET("/v1/access-applications/{application_id}", { params: { header: SIGNED, path: { application_id } } });
  const listed = (query: { page_size?: number; page_token?: string }) =>
    data(signed.GET("/v1/access-applications", { params: { header: SIGNED, query } }));
  await fails("request.invalid", 422, applied("XMOON"));
  const unwanted = (await data(applied("BINANCE"))).application_id ?? "";
  const wanted = (await data(applied("BINANCE"))).application_id ?? "";
  const rejected = await data(
    admin.POST("/internal/v1/admin/access-applications/{application_id}/reject", {
      ...ruled(unwanted), body: { reject_reason_code: "licence.missing" },
    }),
  );
  expect(rejected.status === "rejected", rejected);
  await fails("application.wrong_state", 409, approved(unwanted));
  const job_id = (await data(approved(wanted))).provisioning_job_id ?? "";
  const ended = await eventually(async () => {
    const path = "/internal/v1/admin/provisioning/jobs/{job_id}";
    const job = await data(admin.GET(path, { params: { header: ROLE, path: { job_id } } }));
    return job.finished_at ? job : undefined;
  }, "the end of the job");
  expect(ended.status === "succeeded", ended);
  const application = await data(shown(wanted));
  expect(application.status === "active" && application.bindings?.[0]?.binding_status === "active", application);
  await fails("application.not_found", 404, shown("app_none"));
  const first = await listed({ page_size: 1 });
  const rest = await listed({ page_token: first.next_page_token ?? "" });
  const found = [...(first.items ?? []), ...(rest.items ?? [])].map((one) => one.application_id);
  expect(JSON.stringify(found) === JSON.stringify([wanted, unwanted]), found);
  const bindings = await data(signed.GET("/v1/access-bindings", { params: { header: SIGNED } }));
  expect(bindings.items?.[0]?.exchange_code === "BINANCE", bindings);
  const all = { params: { header: ROLE, query: { status: "active" } } };
  const ofAll = (await data(admin.GET("/internal/v1/admin/access-applications", all))).items ?? [];
  expect(ofAll.some((one) => one.application_id === wanted), ofAll);
}

async function markets(signed: Hub): Promise<void> {
  const header = SIGNED;
  expect((await data(signed.GET("/v1/status", { params: { header } }))).components.length > 0, "components");
  const query = { asset_class: "crypto" as const, page_size: 500 };
  const listed = (await data(signed.GET("/v1/markets", { params: { header, query } }))).items ?? [];
  expect(listed.some((one) => one.symbol === COIN), listed);
  const asked = { params: { header, query: { symbols: COIN, depth: 5 } } };
  const [quote] = (await data(signed.GET("/v1/quotes", asked))).quotes ?? [];
  expect(quote !== undefined && Number(quote.ask) > Number(quote.bid), quote);
  expect(!Number.isNaN(Date.parse(quote.ts)), quote);
  const bar = await eventually(async () => {
    const minutes = { symbol: COIN, timeframe: "1m" as const };
    return (await data(signed.GET("/v1/bars", { params: { header, query: minutes } }))).bars?.at(-1);
  }, "bars");
  expect(Number(bar.v) > 0, bar);
  const calendar = await data(signed.GET("/v1/calendar", { params: { header } }));
  expect((calendar.sessions ?? []).length > 0, calendar);
  const stranger = client(signature({ id: "pmk_none", secret: "none" }));
  await fails("auth.signature_invalid", 401, stranger.GET("/v1/quotes", asked));
}

/** Placed, amended, listed, cancelled; filled; a position and an account. */
async function traded(signed: Hub): Promise<void> {
  const plain = { symbol: COIN, side: "buy" as const, reduce_only: false, post_only: false };
  const resting = { ...plain, type: "limit" as const, quantity: "0.01", price: "1000" };
  const bought = { ...plain, type: "market" as const, quantity: "0.01" };
  const named = (key: string) => ({ ...SIGNED, "Idempotency-Key": key });
  const ordered = (body: typeof resting | typeof bought, key: string) =>
    signed.POST("/v1/orders", { params: { header: named(key) }, body });
  const amended = (order_id: string) =>
    signed.PATCH("/v1/orders/{order_id}", {
      params: { header: named(token()), path: { order_id } }, body: { quantity: "0.005" },
    });
  const placed = (body: typeof resting | typeof bought) =>
    eventually(async () => {
      const key = token();
      const order_id = (await ordered(body, key)).data?.data?.order_id;
      return order_id === undefined ? undefined : { key, order_id };
    }, "an order");
  const { key, order_id: order } = await placed(resting);
  expect((await data(ordered(resting, key))).order_id === order, "the same order");
  await fails("idempotency.mismatch", 409, ordered({ ...resting, quantity: "0.02" }, key));
  expect((await data(amended(order))).quantity === "0.005", "the amended order");
  await fails("order.not_found", 404, amended("ord_none"));
  const orders = [resting, { ...resting, quantity: "0" }];
  const batch = await data(signed.POST("/v1/orders/batch", { params: { header: named(token()) }, body: { orders } }));
  expect(JSON.stringify(batch.results?.map((one) => one.ok)) === "[true,false]", batch);
  const news = { params: { header: SIGNED, query: { status: "new" as const, symbol: COIN } } };
  await eventually(async () => {
    return (await data(signed.GET("/v1/orders", news))).items?.find((one) => one.order_id === order);
  }, "the order in the list");
  const selector = { order_ids: [order, "ord_none"] };
  const gone = await data(signed.POST("/v1/orders/cancel", { params: { header: named(token()) }, body: selector }));
  const refused = gone.failed?.map((one) => [one.order_id, one.error_code]);
  expect(JSON.stringify(refused) === '[["ord_none","order.not_found"]]', gone);
  await placed(bought);
  const held = await eventually(async () => {
    const query = { symbol: COIN };
    return (await data(signed.GET("/v1/positions", { params: { header: SIGNED, query } }))).items?.[0];
  }, "a position");
  expect(Number(held.net_qty) > 0, held);
  const account = await data(signed.GET("/v1/accounts", { params: { header: SIGNED } }));
  expect(Number(account.equity) > 0, account);
}

async function waitlist(): Promise<void> {
  const lead = {
    work_email: "ada@example.com", country_region: "GB", consent: true, preferred_language: "en-US" as const,
  };
  const put = (body: typeof lead) => client().POST("/public/v1/waitlist", { body });
  expect((await data(put(lead))).lead_id.startsWith("ld_"), "a lead");
  await fails("waitlist.consent_required", 422, put({ ...lead, consent: false }));
  await fails("waitlist.geo_blocked", 403, put({ ...lead, country_region: "KP" }));
}

await waitlist();
const [email, user] = await person();
const signed = client(signature(await keyOf(user, email)));
await markets(signed);
await provisioned(signed, await superAdmin());
await traded(signed);
