// Wires the stream to the screen. Numbers and charts are drawn four times a second, the image as it comes.
import { BarsChart } from "/bars_chart.js";
import { beamState, driftWarning } from "/calibration.js";
import { Connection } from "/connection.js";
import { Counters } from "/counters.js";
import { Dynamics } from "/dynamics.js";
import { Events } from "/events.js";
import { FrameClock } from "/frame_clock.js";
import { G2Chart } from "/g2_chart.js";
import { History } from "/history.js";
import { exponentFactor } from "/kww.js";
import { LiveFrame } from "/live_frame.js";
import { MapPanel } from "/map_panel.js";
import { RingStates, stateWarnings } from "/ring_states.js";
import { PowerChart, RampChart } from "/time_charts.js";
import { duration, exponential, fixed, kMissing, number, numbers, reason, temperature, validity } from "/values.js";

const kDrawMs = 250;
const kShortDiskS = 24 * 3600;  // a disk that lasts longer is no news
const kStaleS = 3;             // without any message
const kStaleFramePeriods = 5;  // without a frame, but not before kStaleS
const kFlags = [[1, "frames missing before"], [2, "late"], [4, "transfer faulty"], [8, "saturated"], [16, "NaN pixels"],
                [32, "time assumed"]];  // FrameFlag of protocol/types/frame.h
const kSubtracts = /subtract_noise:\s*true/;  // in the effective configuration
const kStateLevels = { ACQUIRING: "good", ERROR: "bad" };

const element = (id) => document.getElementById(id);
const show = (id, text) => { element(id).textContent = text; };

const liveFrame = new LiveFrame(element("frame-image"));
const rampChart = new RampChart(element("ramp-chart"));
const powerChart = new PowerChart(element("power-chart"));
const barsChart = new BarsChart(element("bars-chart"), element("powers"));
const g2Chart = new G2Chart(element("g2-chart"));
const counters = new Counters(element("sources"), element("pipeline"), element("daemon-counters"));
const events = new Events(element("events"), element("events-empty"));
const frameClock = new FrameClock();
const ringStates = new RingStates();
const mapPanel = new MapPanel(element("map"), {
  stateOf: (order) => ringStates.of(order),
  seriesId: () => ringStates.seriesId,
});
const dynamics = new Dynamics(element("main"), element("views"));

let history = new History([]);
let setup = { orders: [], lag_s: [] };
let frame = null;
let status = null;
let daemonId = null;
let powerCells = [];
let changed = true;

const take = {
  setup(message) {
    if (message.orders.join() !== setup.orders.join()) {
      history = new History(message.orders);
      powerChart.setOrders(message.orders);
      barsChart.setOrders(message.orders);
      makePowerCells(message.orders);
    }
    setup = message;
    liveFrame.setSetup(message);
    show("frame-ring", liveFrame.ringText());
    const beam = beamState(message);
    show("beam", beam.text);
    element("beam").classList.toggle("look", beam.level === "look");
    show("tiles-refused", message.tiles_refused ? `no maps of tiles: ${message.tiles_refused}` : "");
    show("ecm-refused", message.ecm_refused ? `no dynamics of this series: ${message.ecm_refused}` : "");
    show("version", message.program_version);
  },
  frame(message) {
    frame = message;
    history.addFrame(message);
    frameClock.addFrame(message);
    ringStates.add(message, setup.orders);
    mapPanel.request();
  },
  status(message) { status = message; },
  trigger(message) {
    if (events.add(daemonId, message)) history.addTrigger(message);
  },
  series(message) {
    const name = message.start?.name || "unnamed series";
    const end = message.end ? ` — ended: ${message.end.reason.replaceAll("_", " ").toLowerCase()}` : "";
    show("series", name + end);
  },
};

const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/stream`, {
  onText(message) {
    if (daemonId !== null && message.daemon_id !== daemonId) events.note("the daemon was restarted");
    daemonId = message.daemon_id;
    frameClock.hear(message.published_utc_ns);
    for (const [body, handle] of Object.entries(take)) {
      if (message[body]) handle(message[body]);
    }
    changed = true;
  },
  onMap(message, positions, values) {
    frameClock.hear(message.published_utc_ns);
    mapPanel.add(message.map, positions, values);
  },
  onDynamics(message, arrays) {
    frameClock.hear(message.published_utc_ns);
    dynamics.add(message.dynamics, arrays, setup.orders.length > 0);
    changed = true;
  },
  onImage(header, pixels) {
    liveFrame.setImage(header, pixels);
    const scale = header.reduction > 1 ? `1/${header.reduction} scale, ` : "";
    show("frame-caption", `frame ${header.sequence}, ${scale}black ${fixed(number(header.black_counts), 0)}, `
      + `white ${fixed(number(header.white_counts), 0)} counts`);
  },
});

function makePowerCells(orders) {
  powerCells = orders.map((order) => {
    const cell = document.createElement("div");
    cell.dataset.testid = `power-${order}`;
    cell.setAttribute("role", "listitem");
    return cell;
  });
  element("powers").replaceChildren(...powerCells);
}

function drawHeader() {
  const { phase } = connection;
  const text = { connecting: "CONNECTING", connected: "CONNECTED",
                 waiting: `RECONNECTING in ${Math.ceil(connection.retryInS())} s` }[phase];
  pill("connection", text, phase === "connected" ? "good" : "look", phase);

  const silenceS = connection.silenceS();
  const stale = phase !== "connected" || !(silenceS < kStaleS);
  document.body.dataset.stale = stale;
  const freshness = element("freshness");
  freshness.dataset.stale = stale || (status?.state === "ACQUIRING" && frameStale());
  if (Number.isNaN(silenceS)) freshness.textContent = "no data yet";
  else if (stale) freshness.textContent = `NOT LIVE: last data ${duration(silenceS)} ago`;
  else freshness.textContent = frame ? `last frame ${duration(frameClock.ageS())} ago` : "no frame yet";

  if (!status) return;
  const state = status.state ?? "DAEMON_STATE_UNSPECIFIED";
  pill("daemon-state", state, kStateLevels[state] ?? "", state);
  pill("armed", status.armed ? "ARMED" : "DISARMED", status.armed ? "look" : "", status.armed ? "armed" : "disarmed");
  element("error").hidden = state !== "ERROR";
  show("error", state === "ERROR" ? `Pipeline stopped: ${status.error}` : "");
  drawRecording(status.recording);
}

// Absent where nothing is configured: then nobody expects a recording.
function drawRecording(recording) {
  element("recording").hidden = !recording;
  element("recording-error").hidden = !recording?.error;
  if (!recording) return;
  const lost = number(recording.not_recorded);
  const lasts = number(recording.disk_lasts_s);
  const words = {
    RECORDING: `RECORDING ${recording.frames} frames${lost > 0 ? ` · ${lost} not recorded` : ""}` +
               (lasts < kShortDiskS ? ` · disk lasts ${duration(lasts)}` : ""),
    RING: `RING ${fixed(number(recording.ring_s), 0)} s`, WAITING: "RECORDER WAITING", OFF: "NOT RECORDING",
    FAILED: "NOT RECORDED",
  };
  const level = recording.state === "FAILED" || lost > 0 ? "bad" : recording.state === "RECORDING" ? "good" : "";
  pill("recording", words[recording.state] ?? recording.state, level, recording.state);
  show("recording-error", recording.error ? `Not recorded: ${recording.error}` : "");
}

function pill(id, text, level, state) {
  const target = element(id);
  target.textContent = text;
  target.dataset.level = level;
  target.dataset.state = state;
}

function frameStale() {
  const limitS = Math.max(kStaleS, kStaleFramePeriods / (frameClock.rateHz() || Infinity));
  return !(frameClock.ageS() < limitS);
}

function drawNumbers() {
  element("main").dataset.stale = frame !== null && frameStale();
  if (!frame) return;
  const measured = frame.temperature;
  show("temperature", temperature(measured));
  element("temperature").dataset.value = number(measured?.value_c);
  show("temperature-reason", reason(measured));
  const missing = measured?.validity !== "VALID";
  show("temperature-unit", missing ? validity(measured) : "°C");
  element("temperature-unit").classList.toggle("look", missing);
  show("rate", measured?.validity === "VALID" ? signed(60 * number(measured.rate_k_per_s)) : kMissing);
  show("sequence", frame.sequence);
  const flags = kFlags.filter(([bit]) => frame.flags & bit).map(([, name]) => name);
  show("frame-flags", flags.join(", "));

  const bad = number(frame.saturated_pixels) + number(frame.non_finite_pixels);
  show("frame-quality", `mean ${fixed(number(frame.mean_counts), 1)} counts, ${frame.saturated_pixels} saturated and `
    + `${frame.non_finite_pixels} non-finite px`);
  element("frame-quality").classList.toggle("look", bad > 0);

  const rate = frameClock.rateHz();
  const slow = rate < 1;
  show("frame-rate", slow ? fixed(1 / rate, 1) : fixed(rate, rate < 100 ? 1 : 0));
  show("frame-rate-unit", Number.isNaN(rate) ? "" : slow ? "s per frame" : "frames/s");
}

function signed(value) {
  return Number.isFinite(value) ? (value >= 0 ? "+" : "") + fixed(value, 1) : kMissing;
}

function drawResults() {
  const symmetry = frame?.symmetry;
  const power = symmetry?.validity === "VALID" ? numbers(symmetry.ring_power) : [];
  powerCells.forEach((cell, index) => {
    const value = power[index] ?? NaN;
    cell.replaceChildren(...exponential(value, 1).split(/(?=e)/).map((part) => {  // mantissa above exponent
      const line = document.createElement("span");
      line.textContent = part;
      return line;
    }));
    cell.dataset.value = value;
  });
  const valid = symmetry?.validity === "VALID";
  const sigma = valid ? numbers(symmetry.ring_sigma) : [];
  const floor = valid ? numbers(symmetry.ring_floor) : [];
  const states = valid ? symmetry.ring_state ?? [] : [];
  drawNoise(power, sigma, floor, states);
  show("drift", driftWarning(symmetry));
  show("symmetry-reason", frame ? reason(symmetry) : "");
  show("bars-frame", symmetry ? `frame ${frame.sequence}, mean of ${symmetry.ring_rows} radii` : "");
  const ecm = frame?.ecm;
  show("ecm-reason", frame ? reason(ecm) : "");
  show("ecm-frames", ecm ? `${ecm.frames_used} frames used, ${ecm.frames_missing} missing` : "");

  rampChart.update(history);
  powerChart.update(history);
  barsChart.update({ power: setup.orders.map((_, index) => power[index] ?? NaN), sigma, floor, states });
  g2Chart.update(numbers(setup.lag_s), ecm, dynamics.message, exponentFactor(setup));
  dynamics.draw(frame?.series_id ?? null);
}

// What the bars mean: their marks, which of them noise alone explains, and five-fold order where it shows.
function drawNoise(power, sigma, floor, states) {
  powerCells.forEach((cell, index) => {
    cell.dataset.sigma = sigma[index] ?? NaN;
    cell.dataset.floor = floor[index] ?? NaN;
    cell.dataset.state = states[index] ?? "";
  });
  const key = [];
  if (sigma.some(Number.isFinite)) key.push("± 1 σ");
  if (floor.some(Number.isFinite)) key.push(`amber: floor${kSubtracts.test(setup.configuration_text) ? ", taken off" : ""}`);
  if (states.includes("CONSISTENT_WITH_NOISE")) key.push("hollow: consistent with noise");
  show("bars-key", key.join(" · "));
  show("bars-reason", stateWarnings(setup.orders, states));
  const [five, ten] = [5, 10].map((order) => exponential(power[setup.orders.indexOf(order)], 1));
  const both = setup.orders.includes(5) && setup.orders.includes(10) && power.length > 0;
  show("bars-five", both ? `five-fold axes (Friedel): n = 10 ${ten}, n = 5 ${five}` : "");
}

function draw() {
  connection.tick();
  drawHeader();
  drawNumbers();
  if (!changed) return;
  changed = false;
  drawResults();
  if (status) counters.update(status, connection.unreadable);
}

function toggle(id, apply) {
  const button = element(id);
  const update = () => {
    apply(button.getAttribute("aria-pressed") === "true");
    changed = true;
  };
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
    update();
  });
  update();
}

toggle("ramp-marks", (pressed) => rampChart.showLevels(pressed));
toggle("power-log", (pressed) => {
  powerChart.setLogarithmic(pressed);
  barsChart.setLogarithmic(pressed);
});
setInterval(draw, kDrawMs);
