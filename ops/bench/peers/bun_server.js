// A peer of the fan-out benchmarks: uWebSockets as bun has it, every message published to the topic that all subscribe to.
// PORT PAYLOAD_BYTES; a line `BURST EVERY` on standard input says what to send.
const { onLoad, timedText } = require("./load.js");
const [port, size] = process.argv.slice(2).map(Number);
const server = Bun.serve({
  port,
  hostname: "127.0.0.1",
  fetch: (request, serving) => (serving.upgrade(request) ? undefined : new Response(null, { status: 400 })),
  websocket: {
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open: (client) => client.subscribe("all"),
    message: () => {},
  },
});
console.log("ready");
onLoad((burst) => {
  for (let i = 0; i < burst; i++) server.publish("all", timedText(size));
});
