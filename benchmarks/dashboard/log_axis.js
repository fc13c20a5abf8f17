// A flot plugin: asv draws a parameter such as "T [steps]" on a linear axis; sizes are looked at on a logarithmic one.
$.plot.plugins.push({
    name: "logAxis",
    version: "1.0",
    init: function (plot) {
        plot.hooks.processOptions.push(function (plot, options) {
            var axis = options.xaxes[0];
            axis.axisLabelUseCanvas = false;  // on the canvas, the label is cut at its base line
            if (/\[(steps|units|sequences)\]$/.test(axis.axisLabel)) {
                axis.transform = Math.log;
                axis.inverseTransform = Math.exp;
                axis.ticks = function (range) {
                    return plot.getData()[0].data.map(function (point) { return point[0]; });
                };
                axis.tickFormatter = String;
            }
        });
    }
});
