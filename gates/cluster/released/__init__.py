"""May these workloads run here, by the release of the models that they name?"""
