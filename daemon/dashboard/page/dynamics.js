// The dynamics view: its panels, there once the daemon has sent dynamics, and the switch between it and the overview.
import { DynamicsMap } from "/dynamics_map.js";
import { DynamicsWords } from "/dynamics_words.js";
import { TauHistogramChart } from "/tau_histogram_chart.js";
import { TauTemperatureChart } from "/tau_temperature_chart.js";
import { TwoTimePanel } from "/two_time_panel.js";

const kHash = "#dynamics";  // of an address that opens with this view

export class Dynamics {
  /** `main` is what holds the panels, `views` the switch. */
  constructor(main, views) {
    const part = (id) => document.getElementById(id);
    this.main = main;
    this.views = views;
    this.message = null;
    this.shown = null;  // message that is drawn
    this.map = new DynamicsMap(part("dynamics-map"));
    this.words = new DynamicsWords(part("dynamics-words"));
    this.histogram = new TauHistogramChart(part("tau-histogram-chart"), part("tau-histogram-table"), part("tau-histogram-note"),
                                           part("tau-histogram-warning"));
    this.twoTime = new TwoTimePanel(part("two-time"));
    this.temperatures = new TauTemperatureChart(part("tau-temperature-chart"), part("tau-temperature-note"));
    for (const button of views.querySelectorAll("button")) button.addEventListener("click", () => this.look(button.value));
  }

  /** Takes a message. The first one brings the switch; what is looked at stays, unless there is nothing else to see. */
  add(message, arrays, hasSymmetry) {
    const first = this.message === null;
    this.message = message;
    this.arrays = arrays;
    this.views.hidden = false;
    if (first) this.look(location.hash === kHash || !hasSymmetry ? "dynamics" : "overview");
  }

  look(view) {
    this.main.dataset.view = view;
    for (const button of this.views.querySelectorAll("button")) button.setAttribute("aria-pressed", button.value === view);
    history.replaceState(null, "", view === "dynamics" ? kHash : location.pathname);
  }

  /** Draws what is new. `seriesId` is that of the frames that come in now, or null. */
  draw(seriesId) {
    if (!this.message) return;
    this.words.update(this.message, seriesId);
    if (this.shown === this.message) return;
    this.shown = this.message;
    this.main.dataset.final = this.message.final;
    this.main.dataset.ramp = (this.message.tau_of_temperature ?? []).length > 0;
    this.map.update(this.message, this.arrays);
    this.histogram.update(this.message);
    this.twoTime.update(this.message, this.arrays.twoTime);
    this.temperatures.update(this.message);
  }
}
