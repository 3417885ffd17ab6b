// nextflow run main.nf --peaks peaks.fa.gz
params.peaks = null
params.methods = ['cnn', 'lstm']

process FIT {
    tag "${method}"
    cpus 2
    publishDir 'results', mode: 'copy'

    input:
    tuple val(method), path(peaks)

    output:
    path "${method}"

    script:
    """
    OMP_NUM_THREADS=${task.cpus} chiasma fit ${method} --positives ${peaks} --negatives shuffled -o ${method}
    """
}

process COMPARE {
    publishDir 'results', mode: 'copy'

    input:
    path runs

    output:
    path 'comparison'

    script:
    """
    chiasma compare ${runs} -o comparison
    """
}

workflow {
    fitted = FIT(Channel.fromList(params.methods).combine(Channel.fromPath(params.peaks)))
    COMPARE(fitted.collect())
}
